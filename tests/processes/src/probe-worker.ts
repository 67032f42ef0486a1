import { runService } from '@warren/cli';
import { runWorker, workerConfigFrom } from '@warren/worker';
import { pino } from 'pino';
import { handleProbe, probe } from './probe.js';

const config = workerConfigFrom(process.env, probe);
const log = pino({ level: config.logLevel });

await runService({
  name: 'probe-worker',
  log,
  start: () => runWorker({ type: probe, handler: handleProbe, config, log }),
});
