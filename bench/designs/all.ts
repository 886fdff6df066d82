/** Every design of the laboratory, in TypeScript, in the order of their letters. */
import { bTree } from "./b-tree.js";
import type { Design } from "./design.js";
import { oneLevel } from "./one-level.js";
import { oneLevelExact } from "./one-level-exact.js";
import { radixTree } from "./radix-tree.js";
import { rankedSets } from "./ranked-sets.js";
import { sortedArrays } from "./sorted-arrays.js";
import { twoLevel } from "./two-level.js";

export const designs: readonly Design[] = [
  oneLevelExact,
  oneLevel,
  twoLevel,
  sortedArrays,
  bTree,
  radixTree,
  rankedSets,
];
