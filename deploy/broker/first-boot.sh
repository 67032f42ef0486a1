#!/bin/sh
# The image's entrypoint. At a broker's first start it has RabbitMQ boot with the topology in place; later starts import
# nothing, because what stands then may have been changed or replaced since. Then RabbitMQ's own entrypoint takes over.
set -eu

# For tests: the folder that stands for the root of the file system.
root=${WARREN_BROKER_ROOT:-}
configuration=$root/etc/rabbitmq/conf.d/60-first-boot.conf
definitions=$root/etc/rabbitmq/first-boot.json

# Why nothing is imported, or nothing where it can be. What is not there, `warren topology apply` makes.
reason_against() {
  if [ -n "$(ls -A "$root/var/lib/rabbitmq/mnesia" 2>/dev/null)" ]; then
    echo 'the broker has data'
  elif [ -z "${RABBITMQ_DEFAULT_USER:-}" ] || [ -z "${RABBITMQ_DEFAULT_PASS:-}" ]; then
    # With definitions to import RabbitMQ makes no user by itself.
    echo 'RABBITMQ_DEFAULT_USER and RABBITMQ_DEFAULT_PASS name no user'
  elif [ "${RABBITMQ_DEFAULT_VHOST:-}" != warren ]; then
    echo 'RABBITMQ_DEFAULT_VHOST is not warren'
  elif [ "${WARREN_QUORUM_PRIORITIES:-lanes}" != lanes ]; then
    echo 'WARREN_QUORUM_PRIORITIES is not lanes'
  elif [ "$(delay)" = plugin ] && ! has_plugin; then
    # RabbitMQ would stop importing at the exchange of its type, and say nothing.
    echo 'WARREN_DELAY is plugin, and the plugin is not enabled'
  elif [ ! -f "$(topology_file)" ]; then
    echo "there is no $(topology_file)"
  fi
}

topology_file() {
  echo "$root/opt/warren/definitions/${WARREN_PROFILE:-classic}-$(delay).json"
}

delay() {
  case "${WARREN_DELAY:-auto}" in
    auto) if has_plugin; then echo plugin; else echo ladder; fi ;;
    *) echo "$WARREN_DELAY" ;;
  esac
}

has_plugin() {
  grep -qs rabbitmq_delayed_message_exchange "$root/etc/rabbitmq/enabled_plugins"
}

json_text() {
  printf '"%s"' "$(printf '%s' "$1" | sed 's/[\\"]/\\&/g')"
}

# The generated file, and behind its opening brace the user that RabbitMQ would have made otherwise.
with_user() {
  user=$(json_text "$RABBITMQ_DEFAULT_USER")
  password=$(json_text "$RABBITMQ_DEFAULT_PASS")
  echo '{'
  printf '  "users": [{"name": %s, "password": %s, "tags": "administrator"}],\n' "$user" "$password"
  printf '  "permissions": [{"user": %s, "vhost": "warren", "configure": ".*", "write": ".*", "read": ".*"}],\n' "$user"
  tail -n +2 "$1"
}

if [ "${1:-}" != rabbitmq-server ]; then exec docker-entrypoint.sh "$@"; fi
rm -f "$configuration" "$definitions"
against=$(reason_against)
if [ -n "$against" ]; then
  echo "warren: no topology is imported: $against" >&2
else
  file=$(topology_file)
  (umask 077 && with_user "$file" > "$definitions")
  # RabbitMQ's entrypoint starts it as this user.
  if [ "$(id -u)" = 0 ] && id rabbitmq > /dev/null 2>&1; then chown rabbitmq "$definitions"; fi
  echo "load_definitions = $definitions" > "$configuration"
  echo "warren: the first start, with $file" >&2
fi
exec docker-entrypoint.sh "$@"
