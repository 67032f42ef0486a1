import type { TaskType } from '@warren/tasks';
import { versionAtLeast } from '../broker-version.js';
import type { Topology } from '../model.js';
import { delayHeader } from '../names.js';
import { type ServiceRole, serviceRoles } from '../service-roles.js';
import type { BrokerFacts, HeldFact, PermissionFact } from './facts.js';
import { type CheckResult, type Finding, finding } from './finding.js';
import { isOfLadder, isOurExchange, isOurQueue } from './ours.js';
import { listed } from './words.js';

const acts = ['configure', 'write', 'read'] as const;

type Act = (typeof acts)[number];

/** Something that a role does with the broker. The name is of an exchange or a queue. */
interface Need {
  readonly act: Act;
  readonly name: string;
}

/** What the broker calls the exchange without a name where it checks permissions. */
const defaultExchange = 'amq.default';
/** A queue that the broker names itself has such a name. */
const namedByBroker = 'amq.gen-0';

/** Whether the user of `AMQP_URL` may do what each role does. */
export function checkPermissions(
  facts: Pick<BrokerFacts, 'held' | 'permissions' | 'user' | 'vhost' | 'version' | 'delayWanted'>,
  types: readonly TaskType[],
): CheckResult {
  const { held, permissions, user, vhost } = facts;
  if (!held.known) return { findings: [], notChecked: held.why };
  if (!permissions.known) return { findings: [], notChecked: permissions.why };
  const has = permissions.value ?? { configure: '', write: '', read: '' };
  const findings = needsOfRoles(held.value, types, facts).flatMap(({ role, needs }): Finding[] => {
    const refused = needs.filter((need) => !isPermitted(need, has));
    return refused.length === 0 ? [] : [refusal(role, refused, { user, vhost })];
  });
  return { findings, notChecked: null };
}

function refusal(role: string, refused: readonly Need[], { user, vhost }: { user: string; vhost: string }): Finding {
  const lacking = acts.flatMap((act) => {
    const names = [...new Set(refused.filter((need) => need.act === act).map(({ name }) => `"${name}"`))];
    return names.length === 0 ? [] : [`${act} ${listed(names)}`];
  });
  return finding('permission-missing', {
    where: role,
    what: `User "${user}" may not do what ${role} does: ${lacking.join('; ')}.`,
    mend: `Let an administrator run \`rabbitmqctl set_permissions --vhost ${vhost} ${user} ".*" ".*" ".*"\`; or, if this user is not for ${role}, nothing.`,
  });
}

function needsOfRoles(
  held: HeldFact,
  types: readonly TaskType[],
  broker: Pick<BrokerFacts, 'version' | 'delayWanted'>,
): { readonly role: string; readonly needs: readonly Need[] }[] {
  const topology = topologySeen(held);
  const roles = serviceRoles(topology, types).filter(({ kind }) => kind !== 'outside');
  return [
    ...roles.map((role) => ({ role: role.name, needs: [...needsOf(role), ...probeNeeds(broker)] })),
    { role: 'topology apply', needs: [...applyNeeds(topology), ...probeNeeds(broker)] },
  ];
}

/** The names that there are, whatever their lanes and generations. */
function topologySeen({ exchanges, queues }: HeldFact): Topology {
  const ofLadder = (name: string) => (isOfLadder(name) ? { ladder: name } : {});
  return {
    profile: 'classic',
    delay: 'ladder',
    exchanges: exchanges
      .filter(({ name }) => isOurExchange(name))
      .map(({ name, type }) => ({
        name,
        type: type === 'x-delayed-message' ? type : 'topic',
        arguments: {},
        purpose: '',
        ...ofLadder(name),
      })),
    queues: queues
      .filter(({ name }) => isOurQueue(name))
      .map(({ name }) => ({ name, arguments: {}, purpose: '', ...ofLadder(name) })),
    bindings: [],
    policies: [],
  };
}

function needsOf({ kind, publishes, consumes, listens }: ServiceRole): Need[] {
  return [
    ...publishes.map((name): Need => ({ act: 'write', name })),
    // Whoever ends a task answers its sender, in a queue of the sender's own.
    ...(kind === 'command' ? [] : [{ act: 'write', name: defaultExchange } as const]),
    ...consumes.map((name): Need => ({ act: 'read', name })),
    ...listens.flatMap((name): Need[] => [
      { act: 'read', name },
      ...acts.map((act): Need => ({ act, name: namedByBroker })),
    ]),
  ];
}

/** Looking for the plugin declares an exchange of its type, and deletes it. */
function probeNeeds({ version, delayWanted }: Pick<BrokerFacts, 'version' | 'delayWanted'>): Need[] {
  const probes = delayWanted !== 'ladder' && (delayWanted === 'plugin' || !versionAtLeast(version, 4, 3));
  return probes ? [{ act: 'configure', name: `${delayHeader}-probe.0` }] : [];
}

/** To bind takes reading the source and writing to the destination; to name a dead-letter or alternate exchange, writing to it. */
function applyNeeds({ exchanges, queues }: Topology): Need[] {
  return [...exchanges, ...queues].flatMap(({ name }) => acts.map((act): Need => ({ act, name })));
}

/** An expression that can't be read here is left to the broker. An empty one permits nothing. */
function isPermitted({ act, name }: Need, has: PermissionFact): boolean {
  if (has[act] === '') return false;
  try {
    return new RegExp(has[act], 'u').test(name);
  } catch {
    return true;
  }
}
