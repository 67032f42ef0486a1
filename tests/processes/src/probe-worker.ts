import { createServiceLog, runService } from '@warren/cli';
import { runWorker, workerConfigFrom } from '@warren/worker';
import { handleProbe, probe } from './probe.js';

const config = workerConfigFrom(process.env, probe);
const log = createServiceLog('probe-worker', config.logLevel);

await runService({
  name: 'probe-worker',
  log,
  start: () => runWorker({ type: probe, handler: handleProbe, config, log }),
});
