import type { TaskType } from '@warren/tasks';
import { exchangeNames, queueNames, workQueue } from '../names.js';
import { readQueueName } from '../queue-name.js';
import type { BindingFact, BrokerFacts, HeldFact } from './facts.js';
import { type CheckResult, type Finding, finding } from './finding.js';
import { isOfLadder, isOurExchange } from './ours.js';
import { exchangesWithWay } from './routing.js';

/** Whether there is an exchange and a queue for everything: what they are made of is compared elsewhere. */
export function checkTopology(
  { held, vhost }: Pick<BrokerFacts, 'held' | 'vhost'>,
  types: readonly Pick<TaskType, 'name'>[],
): CheckResult {
  if (!held.known) return { findings: [], notChecked: held.why };
  const { exchanges, queues } = held.value;
  const hasExchange = (name: string) => exchanges.some((one) => one.name === name);
  const roles = [...Object.values(queueNames), ...types.map(({ name }) => workQueue(name))];
  const has = new Set(queues.map(({ name }) => readQueueName(name)?.role));
  const mend = 'Run "warren topology apply": it makes what is missing and changes nothing else.';
  const findings = [
    ...Object.values(exchangeNames)
      .filter((name) => name !== exchangeNames.delayed && !hasExchange(name))
      .map((name) =>
        finding('exchange-missing', {
          where: `exchange "${name}"`,
          what: `It is not in virtual host "${vhost}": whoever publishes to it loses its channel.`,
          mend,
        }),
      ),
    ...roles
      .filter((role) => !has.has(role))
      .map((role) =>
        finding('queue-missing', {
          where: `queue "${role}"`,
          what: `Virtual host "${vhost}" has no queue for it, in any lane or generation.`,
          mend,
        }),
      ),
  ];
  if (!hasExchange(exchangeNames.delayed) && !exchanges.some(({ name }) => isOfLadder(name))) {
    const what = `Virtual host "${vhost}" has neither a delay ladder nor exchange "${exchangeNames.delayed}": nothing can be tried again later.`;
    findings.push(finding('delay-missing', { where: 'delay', what, mend }));
  }
  return { findings, notChecked: null };
}

/** Bindings and exchanges of ours from which no message arrives anywhere. */
export function checkBindings({ held }: Pick<BrokerFacts, 'held'>): CheckResult {
  if (!held.known) return { findings: [], notChecked: held.why };
  const withWay = exchangesWithWay(held.value);
  return {
    findings: [
      ...held.value.exchanges
        .filter(({ name }) => isOurExchange(name) && name !== exchangeNames.events && !withWay.has(name))
        .map(({ name }) =>
          finding('exchange-leads-nowhere', {
            where: `exchange "${name}"`,
            what: 'No binding leads from it to a queue, and it has no alternate exchange: what is published to it is lost.',
            mend: 'Run "warren topology apply", which binds it again.',
          }),
        ),
      ...held.value.bindings
        .filter(({ source }) => isOurExchange(source))
        .flatMap((binding) => deadEnd(binding, held.value, withWay)),
    ],
    notChecked: null,
  };
}

function deadEnd(binding: BindingFact, held: HeldFact, withWay: ReadonlySet<string>): Finding[] {
  const { source, destination, destinationKind, routingKey } = binding;
  const where = `binding from exchange "${source}" with key "${routingKey}" to ${destinationKind} "${destination}"`;
  const there = destinationKind === 'queue' ? held.queues : held.exchanges;
  if (!there.some(({ name }) => name === destination)) {
    return [
      finding('binding-to-nothing', {
        where,
        what: `There is no ${destinationKind} of this name, so that what the binding takes goes nowhere.`,
        mend: `Run "warren topology apply" if it is one of Warren's; if not, delete the binding in the management UI.`,
      }),
    ];
  }
  if (destinationKind === 'queue' || withWay.has(destination) || isOurExchange(destination)) return [];
  return [
    finding('binding-leads-nowhere', {
      where,
      what: 'From that exchange no binding leads on to a queue, and it has no alternate exchange: a copy of each message ends there.',
      mend: 'Bind a queue to the exchange, or delete the binding or the exchange in the management UI.',
    }),
  ];
}
