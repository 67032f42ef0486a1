import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { addTopologyCommands, stopWithinMsUnder } from '@warren/broker';
import { bootFile, bootVhost, delayMechanisms, queueProfiles } from '@warren/topology';
import yaml from 'js-yaml';
import { z } from 'zod';
import { healthIntervalMs } from '../../packages/broker/src/health-file.js';
import { privateUser, privateVhost } from '../../packages/local/src/broker-layout.js';
import { planServices } from '../../packages/local/src/service-plan.js';
import { runCommandLine } from './support/command-line.js';
import { projectRoot } from './support/services.js';

/** What docker-compose.yml says, held to the code that it runs; no Docker is needed. */

const text = readFileSync(join(projectRoot, 'docker-compose.yml'), 'utf8');

const variable = z.record(z.string(), z.union([z.string(), z.number()]).transform(String));
const service = z.object({
  build: z.object({ context: z.string(), dockerfile: z.string().default('Dockerfile'), args: variable }).optional(),
  image: z.string().optional(),
  command: z.array(z.string()).optional(),
  scale: z.number().default(1),
  environment: variable.default({}),
  ports: z.array(z.string()).default([]),
  volumes: z.array(z.string()).default([]),
  stop_grace_period: z.string().optional(),
  depends_on: z.record(z.string(), z.object({ condition: z.string() })).default({}),
  healthcheck: z.object({ test: z.tuple([z.literal('CMD-SHELL'), z.string()]) }).optional(),
});
const { services, volumes } = z
  .object({ services: z.record(z.string(), service), volumes: z.record(z.string(), z.null()) })
  .parse(yaml.safeLoad(text));

type Service = z.infer<typeof service>;

function named(name: string): Service {
  const found = services[name];
  if (found === undefined) throw new Error(`docker-compose.yml has no service "${name}"`);
  return found;
}

/** Those that run Warren's image: the services, and what applies the topology. */
const warrens = Object.entries(services).filter(([, { image }]) => image?.startsWith('warren:'));
const plans = planServices(projectRoot);

/** `${NAME:?why}`, `${NAME:-default}` and `${NAME}`. */
const interpolations = [...text.matchAll(/\$\{(\w+)(?::([?-])([^}]*))?\}/g)].map(
  ([, name = '', kind = '', rest = '']) => ({
    name,
    isRequired: kind === '?' || kind === '',
    fallback: kind === '-' ? rest : undefined,
  }),
);

/** The value that counts where `.env` says nothing but the passwords. */
function resolved(value: string): string {
  return value.replace(/\$\{\w+:-([^}]*)\}/g, '$1').replace(/\$\{\w*PASSWORD:\?[^}]*\}/g, 'password');
}

describe('every service of the code', () => {
  it('is one of docker-compose.yml, under its name, as often as the local stack runs it', () => {
    const run = Object.entries(services).filter(([, { environment }]) => environment.WARREN_SERVICE !== undefined);
    const composed = run.map(([name, { environment, scale }]) => [name, environment.WARREN_SERVICE, scale]);
    const folders = [...new Set(plans.map(({ name }) => name))];
    const wanted = folders.map((name) => [name, name, plans.filter((plan) => plan.name === name).length]);
    expect(composed.toSorted()).toEqual(wanted.toSorted());
    const programs = folders.map((name) => join(projectRoot, 'services', name, 'src', 'main.ts'));
    expect(programs.filter((file) => !existsSync(file))).toEqual([]);
  });

  it('is given time to stop, and a health file whose age is judged by how often it is touched', () => {
    for (const { name } of plans) {
      const { environment, healthcheck, stop_grace_period: grace = '0s' } = named(name);
      expect(secondsOf(grace) * 1_000).toBeGreaterThan(stopWithinMsUnder(environment));
      const [, file, age] = /^find (\S+) -newermt '(\d+) seconds ago'/.exec(healthcheck?.test[1] ?? '') ?? [];
      expect(file).toBe(environment.WARREN_HEALTH_FILE);
      // Missed twice is no trouble yet.
      expect(Number(age) * 1_000).toBeGreaterThan(2 * healthIntervalMs);
    }
  });
});

describe('the environment', () => {
  /** Where a container's program takes what it is told. */
  const readers = [
    'deploy/container.mjs',
    'packages/broker/src/service-environment.ts',
    'packages/local/src/addresses.ts',
    ...['packages', 'services'].flatMap((folder) =>
      readdirSync(join(projectRoot, folder)).map((name) => `${folder}/${name}/src/config.ts`),
    ),
  ].filter((file) => existsSync(join(projectRoot, file)));
  const read = new Set(
    readers.flatMap((file) => readFileSync(join(projectRoot, file), 'utf8').match(/\b[A-Z]+(?:_[A-Z]+)+\b/g) ?? []),
  );

  it.each(warrens.map(([name]) => name))('of %s names variables that are read', (name) => {
    const given = Object.keys(named(name).environment);
    expect(given.length).toBeGreaterThan(0);
    expect(given.filter((variableName) => !read.has(variableName))).toEqual([]);
  });

  it('names the broker, its user and its vhost, and the ledger, as the containers are told', () => {
    const broker = named('broker').environment;
    const postgres = named('postgres').environment;
    expect(broker).toMatchObject({ RABBITMQ_DEFAULT_USER: privateUser, RABBITMQ_DEFAULT_VHOST: privateVhost });
    for (const [name] of warrens) {
      const { AMQP_URL = '', LEDGER_URL = '', WARREN_MANAGEMENT_URL = '' } = named(name).environment;
      const [amqp, management, ledger] = [AMQP_URL, WARREN_MANAGEMENT_URL, LEDGER_URL].map(
        (url) => new URL(resolved(url)),
      );
      const who = { username: broker.RABBITMQ_DEFAULT_USER, password: 'password', hostname: 'broker' };
      expect(amqp).toMatchObject({ ...who, port: '5672', pathname: `/${broker.RABBITMQ_DEFAULT_VHOST}` });
      expect(management).toMatchObject({ ...who, port: '15672' });
      const database = { username: postgres.POSTGRES_USER, pathname: `/${postgres.POSTGRES_DB}` };
      expect(ledger).toMatchObject({ ...database, password: 'password', hostname: 'postgres', port: '5432' });
    }
    const published = named('broker').ports.map((port) => resolved(port));
    expect(published).toEqual(['127.0.0.1:5672:5672', '127.0.0.1:15672:15672']);
    const { healthcheck } = named('postgres');
    expect(healthcheck?.test[1]).toContain(`-U ${postgres.POSTGRES_USER} -d ${postgres.POSTGRES_DB} `);
  });

  it('is what .env.example asks for and offers, with the defaults that count', () => {
    const example = readFileSync(join(projectRoot, '.env.example'), 'utf8');
    const lines = [...example.matchAll(/^(#?)([A-Z_]+)=(.*)$/gm)].map(([, comment, name = '', value = '']) => ({
      name,
      isOffered: comment === '#',
      value,
    }));
    const asked = lines.filter(({ isOffered }) => !isOffered).map(({ name }) => name);
    const required = interpolations.filter(({ isRequired }) => isRequired).map(({ name }) => name);
    expect(asked.toSorted()).toEqual([...new Set(required)].toSorted());
    for (const { name, value } of lines.filter(({ isOffered }) => isOffered)) {
      expect(interpolations).toContainEqual({ name, isRequired: false, fallback: value });
    }
  });
});

describe('the broker', () => {
  const folder = join(projectRoot, named('broker').build?.context ?? '');
  const dockerfile = readFileSync(join(folder, 'Dockerfile'), 'utf8');

  it('boots with the topology of the profile and the delay that the services are told', () => {
    const { environment } = named('broker');
    const script = readFileSync(join(folder, 'first-boot.sh'), 'utf8');
    const told = Object.keys(environment).filter((name) => name.startsWith('WARREN_'));
    expect(told.filter((name) => !script.includes(`\${${name}:-`))).toEqual([]);
    expect(told).toEqual(expect.arrayContaining(['WARREN_DELAY', 'WARREN_PROFILE']));
    for (const [, { environment: given }] of warrens) {
      for (const name of told.filter((one) => given[one] !== undefined)) expect(given[name]).toBe(environment[name]);
    }
    expect(environment.RABBITMQ_DEFAULT_VHOST).toBe(bootVhost);
  });

  it('has in its image what its entrypoint reads, and starts RabbitMQ by it', () => {
    const copied = [...dockerfile.matchAll(/^COPY (?!--)(\S+) (\S+)$/gm)].map(([, from = '', to = '']) => ({
      from,
      to,
    }));
    for (const { from } of copied) expect(existsSync(join(folder, from))).toBe(true);
    expect(copied).toContainEqual({ from: 'definitions/', to: '/opt/warren/definitions/' });
    expect(copied).toContainEqual({ from: 'first-boot.sh', to: '/opt/warren/' });
    expect(dockerfile).toMatch(/^ENTRYPOINT \["sh", "\/opt\/warren\/first-boot\.sh"\]$/m);
    expect(dockerfile).toMatch(/^CMD \["rabbitmq-server"\]$/m);
    for (const profile of queueProfiles) {
      for (const delay of delayMechanisms) expect(existsSync(join(projectRoot, bootFile(profile, delay)))).toBe(true);
    }
    expect(bootFile('classic', 'ladder')).toBe(`${named('broker').build?.context}/definitions/classic-ladder.json`);
  });

  it('is still followed by what applies the rest', () => {
    expect(named('topology').depends_on.broker).toEqual({ condition: 'service_healthy' });
  });
});

describe('what it refers to', () => {
  it("the commands are the command line's", async () => {
    for (const [, { command }] of warrens) {
      if (command === undefined) continue;
      const { code, stdout } = await runCommandLine([...command, '--help'], {}, addTopologyCommands);
      expect(code).toBe(0);
      expect(stdout).toContain(`Usage: warren ${command.join(' ')}`);
    }
    expect(named('topology').command).toEqual(['topology', 'apply']);
  });

  it('the services that others wait for are there, and healthy or ended by what they say', () => {
    for (const [name, { depends_on: waitsFor }] of Object.entries(services)) {
      for (const [other, { condition }] of Object.entries(waitsFor)) {
        const { command, healthcheck } = named(other);
        const known = { service_healthy: healthcheck, service_completed_successfully: command }[condition];
        expect({ name, other, condition, isKnown: known !== undefined }).toMatchObject({ isKnown: true });
      }
    }
  });

  it('the volumes are declared, and the folders are there', () => {
    const sources = Object.values(services).flatMap((one) => one.volumes.map((mount) => resolved(mount).split(':')[0]));
    for (const source of sources) {
      if (source?.startsWith('.')) expect(existsSync(join(projectRoot, source))).toBe(true);
      else expect(Object.keys(volumes)).toContain(source);
    }
  });

  it.each(
    Object.entries(services).flatMap(([name, { build }]) => (build === undefined ? [] : [[name, build] as const])),
  )(
    'the image of %s is built from a Dockerfile with these arguments and the same defaults',
    (_name, { args, context, dockerfile }) => {
      const file = readFileSync(join(projectRoot, context, dockerfile), 'utf8');
      const declared = Object.fromEntries(
        [...file.matchAll(/^ARG (\w+)=(.*)$/gm)].map(([, name = '', value = '']) => [name, value]),
      );
      const given = Object.fromEntries(Object.entries(args).map(([name, value]) => [name, resolved(value)]));
      expect(given).toEqual(declared);
    },
  );
});

function secondsOf(text: string): number {
  const [, amount] = /^(\d+)s$/.exec(text) ?? [];
  if (amount === undefined) throw new Error(`"${text}" is not a number of seconds`);
  return Number(amount);
}
