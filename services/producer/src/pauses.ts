import type { Consumer } from '@warren/broker';

/** A consumer that several may pause, each for its own reason: it consumes again when the last of them resumes it. */
export function countedPauses(consumer: () => Pick<Consumer, 'pause' | 'resume'>): Pick<Consumer, 'pause' | 'resume'> {
  let pauses = 0;
  return {
    async pause() {
      pauses += 1;
      if (pauses === 1) await consumer().pause();
    },
    async resume() {
      pauses -= 1;
      if (pauses === 0) await consumer().resume();
    },
  };
}
