import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { centrality, similarityGraph, vectorsOf } from './sentence-graph.js';

const stem = fc.constantFrom('queue', 'task', 'worker', 'ledger', 'broker', 'retry', 'lease');
const sentences = fc.array(fc.array(stem, { maxLength: 6 }), { maxLength: 15 });

describe('similarityGraph', () => {
  it('is symmetric, without self-loops, between 0 and 1', () => {
    fc.assert(
      fc.property(sentences, (lists) => {
        const graph = similarityGraph(vectorsOf(lists));
        graph.forEach((edges, from) => {
          for (const [to, weight] of edges) {
            expect(to).not.toBe(from);
            expect(graph[to]?.get(from)).toBe(weight);
            expect(weight).toBeGreaterThan(0);
            expect(weight).toBeLessThanOrEqual(1 + 1e-9);
          }
        });
      }),
    );
  });

  it('joins the same words fully and different words not at all', () => {
    const [first, , third] = similarityGraph(vectorsOf([['queue', 'task'], ['queue', 'task'], ['lease']]));
    expect(first?.get(1)).toBeCloseTo(1);
    expect(third?.size).toBe(0);
  });
});

describe('centrality', () => {
  it('shares out 1 among all sentences', () => {
    fc.assert(
      fc.property(sentences, (lists) => {
        const ranks = centrality(similarityGraph(vectorsOf(lists)));
        expect(ranks.reduce((sum, rank) => sum + rank, 0)).toBeCloseTo(lists.length === 0 ? 0 : 1);
        expect(ranks.every((rank) => rank > 0)).toBe(true);
      }),
    );
  });

  it('ranks the sentence highest that shares words with the others', () => {
    const lists = [['queue', 'task'], ['queue', 'task', 'worker', 'lease'], ['worker', 'lease'], ['broker']];
    const ranks = centrality(similarityGraph(vectorsOf(lists)));
    expect(ranks.indexOf(Math.max(...ranks))).toBe(1);
    expect(ranks.indexOf(Math.min(...ranks))).toBe(3);
  });
});
