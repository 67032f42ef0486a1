import { createServiceLog, runService } from '@warren/cli';
import { readConfig } from './config.js';
import { startProducer } from './producer.js';

const log = createServiceLog('producer');

await runService({
  name: 'producer',
  log,
  start: () => {
    const config = readConfig();
    log.level = config.logLevel;
    return startProducer({ config, log });
  },
});
