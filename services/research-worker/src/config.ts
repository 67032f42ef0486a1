import { type SourcesConfig, sourcesConfigFrom } from '@warren/sources';
import { research } from '@warren/tasks';
import { type WorkerConfig, workerConfigFrom } from '@warren/worker';

export interface Config {
  readonly worker: WorkerConfig;
  readonly sources: SourcesConfig;
}

/** The only place of this service that reads the environment. */
export function readConfig(): Config {
  return configFrom(process.env);
}

/** Throws an error that names every variable that can't be used. */
export function configFrom(env: Readonly<Record<string, string | undefined>>): Config {
  return { worker: workerConfigFrom(env, research), sources: sourcesConfigFrom(env) };
}
