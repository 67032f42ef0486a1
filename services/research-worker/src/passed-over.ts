import { failureOf, permanentCodes, type ReasonCode } from '@warren/tasks';
import type { HandlerContext } from '@warren/worker';

/** A file that a folder held and that can't be read for good. */
export interface PassedOver {
  readonly source: string;
  readonly code: ReasonCode;
  readonly reason: string;
}

/** Throws the error again where the source was named, so that it must be readable, and where trying again may help. */
export function passOver(error: unknown, { name, named }: { name: string; named: boolean }): PassedOver {
  const { code, message } = failureOf(error);
  if (named || !permanentCodes.some((permanent) => permanent === code)) throw error;
  return { source: name, code, reason: message };
}

export function logPassedOver(log: HandlerContext['log'], file: PassedOver): void {
  log.warn({ code: file.code }, 'passed over a file that cannot be read');
  log.debug({ source: file.source, reason: file.reason }, 'which file was passed over, and why');
}
