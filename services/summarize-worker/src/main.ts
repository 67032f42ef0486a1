import { runService } from '@warren/cli';
import { createSourceReader } from '@warren/sources';
import { summarize } from '@warren/tasks';
import { runWorker } from '@warren/worker';
import { pino } from 'pino';
import { readConfig } from './config.js';
import { createSummarizeEngine, createSummarizeHandler } from './summarize-handler.js';

const config = readConfig();
const log = pino({ level: config.worker.logLevel, base: { service: 'summarize-worker' } });

await runService({
  name: 'summarize-worker',
  log,
  start: async () => {
    const engine = createSummarizeEngine({ threads: config.worker.concurrency });
    const handler = createSummarizeHandler({ reader: createSourceReader(config.sources), engine });
    const worker = await runWorker({ type: summarize, handler, config: config.worker, log });
    return {
      stop: async () => {
        await worker.stop();
        await engine.close();
      },
    };
  },
});
