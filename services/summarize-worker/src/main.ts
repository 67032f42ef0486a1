import { createServiceLog, runService } from '@warren/cli';
import { createSourceReader, warnOfMissingFolders } from '@warren/sources';
import { summarize } from '@warren/tasks';
import { runWorker } from '@warren/worker';
import { readConfig } from './config.js';
import { createSummarizeHandler, createSummarizeThreads } from './summarize-handler.js';

const log = createServiceLog('summarize-worker');

await runService({
  name: 'summarize-worker',
  log,
  start: async () => {
    const config = readConfig();
    log.level = config.worker.logLevel;
    warnOfMissingFolders(config.sources, log);
    const threads = createSummarizeThreads({ threads: config.worker.concurrency });
    const handler = createSummarizeHandler({ reader: createSourceReader(config.sources), threads });
    const worker = await runWorker({ type: summarize, handler, config: config.worker, log });
    return {
      stopWithinMs: worker.stopWithinMs,
      stop: async () => {
        await worker.stop();
        await threads.close();
      },
    };
  },
});
