/** Lets runs of one worker go side by side, or one of them alone. Whoever wants to be alone is not overtaken by newcomers. */
export interface RunGate {
  /** Resolves with the function that leaves again. */
  enter(): Promise<() => void>;
  /** Resolves when nobody else is inside; nobody enters until this one leaves. */
  enterAlone(): Promise<() => void>;
}

interface Waiting {
  readonly alone: boolean;
  readonly admit: () => void;
}

export function createRunGate(): RunGate {
  const waiting: Waiting[] = [];
  let inside = 0;
  let occupiedAlone = false;

  return {
    enter: () => queueUp(false),
    enterAlone: () => queueUp(true),
  };

  function queueUp(alone: boolean): Promise<() => void> {
    return new Promise((resolve) => {
      waiting.push({ alone, admit: () => resolve(leaveOnce(alone)) });
      admitNext();
    });
  }

  function admitNext(): void {
    for (;;) {
      const next = waiting[0];
      if (!next || occupiedAlone || (next.alone && inside > 0)) return;
      waiting.shift();
      inside++;
      occupiedAlone = next.alone;
      next.admit();
    }
  }

  function leaveOnce(alone: boolean): () => void {
    let left = false;
    return () => {
      if (left) return;
      left = true;
      inside--;
      if (alone) occupiedAlone = false;
      admitNext();
    };
  }
}
