import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import {
  advancedConfigText,
  amqpUrlOf,
  configText,
  enabledPluginsText,
  managementUrlOf,
  nodeEnvironment,
} from './broker-layout.js';

const ports = { amqp: 1, management: 2, stream: 3, prometheus: 4, distribution: 5, epmd: 6 };
const node = { ports, password: 'secret' };

describe('the configuration of a private node', () => {
  it('listens on loopback only, and lets settings win', () => {
    const text = configText(node, { default_vhost: 'other', consumer_timeout: '1000' });
    expect(text).toContain('listeners.tcp.1 = 127.0.0.1:1\n');
    expect(text).toContain('management.tcp.ip = 127.0.0.1\n');
    expect(text).toContain('prometheus.tcp.ip = 127.0.0.1\n');
    expect(text.match(/default_vhost = .*/g)).toEqual(['default_vhost = other']);
    expect(text).toContain('consumer_timeout = 1000\n');
  });

  it('enables the delayed-message plugin only where the broker has it', () => {
    expect(enabledPluginsText(['rabbitmq_management-3.10.8'])).toBe(
      '[rabbitmq_management,rabbitmq_consistent_hash_exchange,rabbitmq_stream,rabbitmq_prometheus].\n',
    );
    expect(enabledPluginsText(['rabbitmq_delayed_message_exchange-4.2.0.ez'])).toContain(
      ',rabbitmq_delayed_message_exchange].',
    );
    expect(enabledPluginsText([], { 'auth_mechanisms.1': 'EXTERNAL' })).toContain(',rabbitmq_auth_mechanism_ssl].');
  });

  it('keeps every file below the directory and names its own port mapper', () => {
    const env = nodeEnvironment({
      directory: '/data/broker',
      nodeName: 'one@localhost',
      ports,
      pluginFolders: ['/a', '/b'],
      searchPath: '/bin',
    });
    const { PATH, RABBITMQ_PLUGINS_DIR, ...own } = env;
    expect({ PATH, RABBITMQ_PLUGINS_DIR }).toEqual({ PATH: '/bin', RABBITMQ_PLUGINS_DIR: '/a:/b' });
    expect(own).toMatchObject({ ERL_EPMD_PORT: '6', ERL_EPMD_ADDRESS: '127.0.0.1', RABBITMQ_DIST_PORT: '5' });
    const paths = Object.values(own).filter((value) => value.startsWith('/'));
    expect(paths.filter((path) => !path.startsWith('/data/broker/'))).toEqual([]);
  });

  it('spells the addresses', () => {
    expect(amqpUrlOf(node)).toBe('amqp://warren:secret@127.0.0.1:1/warren');
    expect(managementUrlOf(node)).toBe('http://warren:secret@127.0.0.1:2');
  });
});

describe("the container's broker is configured as a private node is", () => {
  it('where rabbitmq.conf speaks of the same', () => {
    const own = settingsIn(configText(node, {}));
    const both = [...settingsIn(deployed('rabbitmq.conf'))].filter(([key]) => own.has(key));
    expect(both.map(([key]) => key)).toContain('max_message_size');
    expect(both).toEqual(both.map(([key]) => [key, own.get(key)]));
  });

  it('in advanced.config', () => {
    expect(deployed('advanced.config')).toBe(advancedConfigText());
  });

  it('in its plugins, with the delayed-message plugin and without it', () => {
    const dockerfile = deployed('Dockerfile');
    const [, always = ''] = /rabbitmq-plugins enable --offline (.+) \$delayed$/m.exec(dockerfile) ?? [];
    const [, delayed = ''] = /delayed=(\w+);/.exec(dockerfile) ?? [];
    expect(pluginsIn(always)).toEqual(pluginsIn(enabledPluginsText([])));
    expect(pluginsIn(`${always} ${delayed}`)).toEqual(pluginsIn(enabledPluginsText([`${delayed}-4.2.0.ez`])));
  });
});

function deployed(file: string): string {
  return readFileSync(new URL(`../../../deploy/broker/${file}`, import.meta.url), 'utf8');
}

function settingsIn(text: string): Map<string, string> {
  return new Map([...text.matchAll(/^([^#\s]\S*) = (.*)$/gm)].map(([, key = '', value = '']) => [key, value]));
}

function pluginsIn(text: string): readonly string[] {
  return (text.match(/rabbitmq_\w+/g) ?? []).toSorted();
}
