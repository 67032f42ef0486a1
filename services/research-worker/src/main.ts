import { createServiceLog, runService } from '@warren/cli';
import { createSourceReader, warnOfMissingFolders } from '@warren/sources';
import { research } from '@warren/tasks';
import { runWorker } from '@warren/worker';
import { readConfig } from './config.js';
import { createResearchHandler, createResearchThreads } from './research-handler.js';

const log = createServiceLog('research-worker');

await runService({
  name: 'research-worker',
  log,
  start: async () => {
    const config = readConfig();
    log.level = config.worker.logLevel;
    warnOfMissingFolders(config.sources, log);
    const threads = createResearchThreads({ threads: config.worker.concurrency });
    const handler = createResearchHandler({ reader: createSourceReader(config.sources), threads });
    const worker = await runWorker({ type: research, handler, config: config.worker, log });
    return {
      stopWithinMs: worker.stopWithinMs,
      stop: async () => {
        await worker.stop();
        await threads.close();
      },
    };
  },
});
