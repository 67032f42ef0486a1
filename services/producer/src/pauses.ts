import type { Consumer } from '@warren/broker';

/**
 * A consumer that several may pause, each for its own reason: it consumes again when the last of them resumes it.
 * @param stop once it is aborted, nothing is consumed again.
 */
export function countedPauses(
  consumer: () => Pick<Consumer, 'pause' | 'resume'>,
  stop: AbortSignal,
): Pick<Consumer, 'pause' | 'resume'> {
  let pauses = 0;
  return {
    async pause() {
      pauses += 1;
      if (pauses === 1) await consumer().pause();
    },
    async resume() {
      pauses -= 1;
      if (pauses === 0 && !stop.aborted) await consumer().resume();
    },
  };
}
