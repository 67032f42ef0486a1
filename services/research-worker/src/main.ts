import { runService } from '@warren/cli';
import { createSourceReader } from '@warren/sources';
import { research } from '@warren/tasks';
import { runWorker } from '@warren/worker';
import { pino } from 'pino';
import { readConfig } from './config.js';
import { createResearchEngine, createResearchHandler } from './research-handler.js';

const config = readConfig();
const log = pino({ level: config.worker.logLevel, base: { service: 'research-worker' } });

await runService({
  name: 'research-worker',
  log,
  start: async () => {
    const engine = createResearchEngine({ threads: config.worker.concurrency });
    const handler = createResearchHandler({ reader: createSourceReader(config.sources), engine });
    const worker = await runWorker({ type: research, handler, config: config.worker, log });
    return {
      stop: async () => {
        await worker.stop();
        await engine.close();
      },
    };
  },
});
