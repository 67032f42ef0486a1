import { createServiceLog, runService } from '@warren/cli';
import { readConfig } from './config.js';
import { startDlqProcessor } from './dlq-processor.js';

const log = createServiceLog('dlq-processor');

await runService({
  name: 'dlq-processor',
  log,
  start: async () => {
    const config = readConfig();
    log.level = config.logLevel;
    return await startDlqProcessor({ config, log });
  },
});
