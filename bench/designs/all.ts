/** Every design of the laboratory, in TypeScript. */

import { bTree } from "./b-tree.js";
import type { Design } from "./design.js";
import { radixTree } from "./radix-tree.js";
import { sortedArrays } from "./sorted-arrays.js";
import { twoLevel } from "./two-level.js";

export const designs: readonly Design[] = [twoLevel, sortedArrays, bTree, radixTree];
