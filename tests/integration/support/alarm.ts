import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { findRabbitmq, type PrivateBroker } from '@warren/local';
import { searchPath } from './broker.js';

/** Raises the memory alarm of a private broker: it blocks every connection that publishes. */
export function raiseMemoryAlarm(broker: PrivateBroker): Promise<void> {
  return setMemoryWatermark(broker, '0.000001');
}

export function clearMemoryAlarm(broker: PrivateBroker): Promise<void> {
  return setMemoryWatermark(broker, '0.9');
}

/** The node is reached with the environment that it was started with: its name, its port mapper, its cookie. */
async function setMemoryWatermark(broker: PrivateBroker, fraction: string): Promise<void> {
  const software = findRabbitmq(searchPath);
  if (software === undefined || broker.pid === undefined) throw new Error('the private broker does not run');
  const variables = (await readFile(`/proc/${broker.pid}/environ`, 'utf8'))
    .split('\0')
    .map((line) => line.split(/=(.*)/s));
  const env = Object.fromEntries(variables.map(([name = '', value = '']) => [name, value]));
  const control = join(dirname(software.serverScript), 'rabbitmqctl');
  await promisify(execFile)(control, ['set_vm_memory_high_watermark', fraction], { env });
}
