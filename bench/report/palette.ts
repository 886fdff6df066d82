/**
 * Who has which colour and letter, everywhere on the page. Seven colours for the seven designs, told apart by normal eyes
 * and by those without red, green or blue cones (at least 21 apart in CIELAB, in both schemes), and dark or light enough to
 * write with (4.6 to 1 against the page). A letter or a name always stands beside a colour.
 */
export interface Identity {
  /** Class of the colour; the style sheet has its value in both schemes. */
  readonly colour: string;
  /** What a mark has room for. */
  readonly letter: string;
}

export interface DesignText {
  readonly letter: string;
  readonly name: string;
  readonly about: string;
}

export const DESIGNS: readonly DesignText[] = [
  {
    letter: "a",
    name: "one-level hash, exact match",
    about:
      "A hash table of (volume, offset, rLSN), in the manner of ODHT. “At or below” takes a look-up for each rLSN.",
  },
  {
    letter: "b",
    name: "one-level hash",
    about:
      "A hash table of (volume, offset), each with the list of its rLSNs. The volume’s 16-byte id is in every key.",
  },
  {
    letter: "c",
    name: "two-level hash",
    about: "A hash table of volumes, each with a hash table of its offsets, each with the list of its rLSNs.",
  },
  {
    letter: "d",
    name: "sorted arrays",
    about: "The offsets of a volume in ascending order, searched by halving.",
  },
  {
    letter: "e",
    name: "B-tree",
    about: "Sorted keys in blocks, each block’s common prefix stored once, in the manner of Neon’s pageserver.",
  },
  {
    letter: "f",
    name: "radix tree",
    about: "A tree that branches on the bits of the offset.",
  },
  {
    letter: "g",
    name: "ranked sets",
    about:
      "The one that ships. Offsets are a compressed set (a run, a bitmap, or Elias-Fano) in which the rank of an offset says where its page lies, so that no page number is stored; rLSNs are one more such set.",
  },
];

const LETTERS = DESIGNS.map(({ letter }) => letter);

/** The letter of the design that an implementation's name begins with: "d" of "d u16" and of "d wasm, 16 lanes". */
export function designOf(implementation: string): string | undefined {
  const first = implementation.split(/[ ,]/)[0];
  return LETTERS.includes(first) ? first : undefined;
}

export const colourOf = (design: string | undefined): string =>
  design !== undefined && LETTERS.includes(design) ? `c-${design}` : "c-other";

/** What ships, and everything built on it. */
export const OURS = "c-g";
/** Whatever is not a design of the laboratory. */
export const OTHER = "c-other";
