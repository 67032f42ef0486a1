/** A sentence as numbers: each stem's weight, the whole scaled to length 1. */
export type SentenceVector = ReadonlyMap<string, number>;

/** For each sentence its neighbours and how alike they are, 0 to 1. Symmetric, without self-loops. */
export type SentenceGraph = readonly ReadonlyMap<number, number>[];

/** Two sentences less alike than this are not joined: rare common words would otherwise join everything with everything. */
const leastSimilarity = 0.08;

const damping = 0.85;
const maxRounds = 100;
const tolerance = 1e-7;

/** tf-idf over the given sentences, each a list of stems. */
export function vectorsOf(sentences: readonly (readonly string[])[]): SentenceVector[] {
  const frequency = documentFrequency(sentences);
  return sentences.map((stems) => {
    const vector = new Map<string, number>();
    for (const stem of stems) vector.set(stem, (vector.get(stem) ?? 0) + 1);
    for (const [stem, count] of vector) {
      vector.set(stem, (1 + Math.log(count)) * Math.log(1 + sentences.length / (frequency.get(stem) ?? 1)));
    }
    return scaledToOne(vector);
  });
}

/** In how many of the lists each stem occurs. */
export function documentFrequency(lists: readonly (readonly string[])[]): Map<string, number> {
  const frequency = new Map<string, number>();
  for (const stems of lists) {
    for (const stem of new Set(stems)) frequency.set(stem, (frequency.get(stem) ?? 0) + 1);
  }
  return frequency;
}

/** Joins sentences by the cosine of their vectors. Quadratic in the sentences that share a stem: bound their number first. */
export function similarityGraph(vectors: readonly SentenceVector[]): SentenceGraph {
  const postings = new Map<string, { sentence: number; weight: number }[]>();
  return vectors.reduce<Map<number, number>[]>((graph, vector, sentence) => {
    const edges = new Map<number, number>();
    for (const [stem, weight] of vector) {
      const earlier = postings.get(stem) ?? [];
      for (const other of earlier) {
        edges.set(other.sentence, (edges.get(other.sentence) ?? 0) + weight * other.weight);
      }
      postings.set(stem, earlier);
      earlier.push({ sentence, weight });
    }
    for (const [other, similarity] of edges) {
      if (similarity < leastSimilarity) edges.delete(other);
      else graph[other]?.set(sentence, similarity);
    }
    graph.push(edges);
    return graph;
  }, []);
}

/**
 * How central each sentence is: the share of time that a reader spends on it who follows similarity and, now and then,
 * jumps anywhere (PageRank by power iteration). The shares sum to 1; a sentence like no other keeps its jumps alone.
 */
export function centrality(graph: SentenceGraph): number[] {
  const count = graph.length;
  const strength = graph.map((edges) => [...edges.values()].reduce((sum, weight) => sum + weight, 0));
  let ranks = graph.map(() => 1 / count);
  for (let round = 0; round < maxRounds; round += 1) {
    const adrift = ranks.reduce((sum, rank, index) => (strength[index] === 0 ? sum + rank : sum), 0);
    const base = (1 - damping + damping * adrift) / count;
    const next = graph.map((edges) => {
      let flow = 0;
      for (const [other, weight] of edges) flow += ((ranks[other] ?? 0) * weight) / (strength[other] ?? 1);
      return base + damping * flow;
    });
    const change = next.reduce((sum, rank, index) => sum + Math.abs(rank - (ranks[index] ?? 0)), 0);
    ranks = next;
    if (change < tolerance) break;
  }
  return ranks;
}

function scaledToOne(vector: Map<string, number>): SentenceVector {
  const length = Math.hypot(...vector.values());
  for (const [stem, weight] of vector) vector.set(stem, weight / length);
  return vector;
}
