/**
 * The protocol of commits and collection by itself: no bytes, no code of the library, all states to a bound. Processes commit to
 * records 1 to `records` of one log and read it; copies of a PUT land at any time, up to twice; a collector publishes boundaries
 * and deletes; time passes in ticks. It answers two questions that runs of the real code cannot: whether a protocol is safe in
 * every schedule of a configuration, and what the shortest way is in which another one fails.
 *
 * A PUT or GET is one step, what a process does with the answer another: what happens in between is the answer's delay.
 */

export interface Protocol {
  readonly name: string;
  /** What a writer does that is told "exists", or nothing: reads the key; or takes "exists" for a defeat. */
  readonly exists: "read" | "lost";
  /** Whose the record at the key is: by its nonce, or by its content, which is everybody's here. */
  readonly own: "nonce" | "content";
  /** What the collector publishes before it deletes. */
  readonly boundary: boolean;
  /** Whether manifests keep the nonces of their records. */
  readonly nonces: boolean;
  /** The age in ticks from which on a look is too old to believe anything by; 0 for none. */
  readonly lookTicks: number;
  /** How long the collector waits, in ticks of the others' clocks. */
  readonly graceTicks: number;
  /** What is left of an older manifest. */
  readonly manifests: "stub" | "deleted";
  /** What is left of a record: nothing, or a stub with its nonce, for ever. */
  readonly records: "deleted" | "stub";
}

const KEPT: Protocol = {
  name: "nonces, a boundary, a look younger than half the grace period",
  exists: "read",
  own: "nonce",
  boundary: true,
  nonces: true,
  lookTicks: 1,
  graceTicks: 2,
  manifests: "stub",
  records: "deleted",
};

export const SAFE: readonly Protocol[] = [
  KEPT,
  { ...KEPT, name: "the same, the collector's clock twice as fast", graceTicks: 1 },
  {
    ...KEPT,
    name: "a stub for each collected record, no clock",
    records: "stub",
    boundary: false,
    lookTicks: 0,
    graceTicks: 0,
  },
];

export const UNSAFE: readonly Protocol[] = [
  { ...KEPT, name: "“exists” read as a defeat", exists: "lost" },
  { ...KEPT, name: "equal content read as one's own", own: "content" },
  { ...KEPT, name: "no boundary", boundary: false },
  { ...KEPT, name: "a boundary without nonces", nonces: false },
  { ...KEPT, name: "a look of any age", lookTicks: Number.POSITIVE_INFINITY },
  { ...KEPT, name: "old manifests deleted", manifests: "deleted" },
  { ...KEPT, name: "a boundary, and no wait", graceTicks: 0 },
];

export interface Size {
  /** Attempts of each process; one with none only reads. */
  readonly attempts: readonly number[];
  readonly records: number;
  /** Times that a boundary is published. */
  readonly collections: number;
  /** Manifests that are published besides. */
  readonly checkpoints?: number;
}

/** 0 for none, else the number of an attempt: its nonce. */
type Nonce = number;

/**
 * `idle`; `put`: waits for an answer; `again`: was not answered; `exists`; `created`: that, or its own nonce is at the key;
 * `other`: `seen` is; `holding`: has read the next record, `seen`; `over`.
 */
type Phase = "idle" | "put" | "again" | "exists" | "created" | "other" | "holding" | "over";

interface Actor {
  phase: Phase;
  nonce: Nonce;
  /** Which it puts, or has read. */
  record: number;
  seen: Nonce;
  puts: number;
  attemptsLeft: number;
  /** The nonce that it takes for each record's, in their order. */
  applied: Nonce[];
  boundary: number;
  generation: number;
  /** Of its look, up to what matters. */
  age: number;
}

interface State {
  actors: Actor[];
  /** What lies at each record's key; negative: the stub of that record. */
  keys: Nonce[];
  /** The first that ever lay there. */
  decisions: Nonce[];
  /** Copies of PUTs under way, and whether somebody waits for it. */
  copies: { nonce: Nonce; record: number; awaited: boolean }[];
  /** Each: how many records it holds, and the boundary. Generation i is at i - 1. */
  manifests: { records: number; boundary: number }[];
  /** Of the newest boundary, up to what matters; what may be deleted. */
  waited: number;
  collecting: number;
  deletedManifests: boolean;
  /** Of records that are not decided yet: attempts that must never be. */
  lost: Nonce[];
  problem: string | undefined;
}

const MAX_PUTS = 2;

export interface Checked {
  readonly states: number;
  /** The shortest way to what must not be, in words; `undefined` where there is none. */
  readonly counterexample: readonly string[] | undefined;
  readonly problem: string | undefined;
}

interface Reached {
  readonly before: Reached | undefined;
  readonly step: string;
  readonly state: State;
}

/** Breadth first: what is found first is shortest. */
export function check(protocol: Protocol, size: Size): Checked {
  const first: State = {
    actors: size.attempts.map((attemptsLeft) => ({
      phase: "idle",
      nonce: 0,
      record: 0,
      seen: 0,
      puts: 0,
      attemptsLeft,
      applied: [],
      boundary: 0,
      generation: 0,
      age: 0,
    })),
    keys: Array(size.records).fill(0),
    decisions: Array(size.records).fill(0),
    copies: [],
    manifests: [],
    waited: 0,
    collecting: 0,
    deletedManifests: false,
    lost: [],
    problem: undefined,
  };
  const visited = new Set([keyOf(first)]);
  let frontier: Reached[] = [{ before: undefined, step: "", state: first }];
  while (frontier.length > 0) {
    const next: Reached[] = [];
    for (const from of frontier) {
      for (const [step, state] of new Steps(protocol, size, from.state).all()) {
        const { problem } = state;
        const reached = { before: from, step, state };
        if (problem) return { states: visited.size, problem, counterexample: wayTo(reached) };
        const key = keyOf(state);
        if (visited.has(key)) continue;
        visited.add(key);
        next.push(reached);
      }
    }
    frontier = next;
  }
  return { states: visited.size, problem: undefined, counterexample: undefined };
}

function wayTo(reached: Reached): string[] {
  const steps: string[] = [];
  for (let at: Reached | undefined = reached; at?.before; at = at.before) steps.push(at.step);
  return steps.reverse();
}

/** Copies have no order, and what somebody has done with is forgotten: states that go on alike are one. */
function keyOf(state: State): string {
  const copies = state.copies.map(({ nonce, awaited }) => nonce * 2 + (awaited ? 1 : 0)).sort();
  const actors = state.actors.map((actor) => {
    const { phase, nonce, record, seen, puts, attemptsLeft, applied, boundary, generation, age } = actor;
    if (phase === "over") return "over";
    const now = phase === "idle" ? "" : [phase, nonce, record, seen, puts].join();
    // What it has applied are the decisions: anything else is a problem, and the end.
    return [now, attemptsLeft, applied.length, boundary, generation, age].join();
  });
  const { keys, decisions, manifests, waited, collecting, deletedManifests, lost } = state;
  const published = manifests.map(({ records }) => records);
  return [
    ...actors,
    keys,
    decisions,
    copies,
    published,
    waited,
    collecting,
    deletedManifests ? 1 : 0,
    lost.toSorted(),
  ].join(";");
}

/** What can follow from a state. */
class Steps {
  readonly #protocol: Protocol;
  readonly #size: Size;
  readonly #state: State;
  readonly #found: [step: string, state: State][] = [];

  constructor(protocol: Protocol, size: Size, state: State) {
    this.#protocol = protocol;
    this.#size = size;
    this.#state = state;
  }

  all(): readonly [string, State][] {
    for (const i of this.#state.actors.keys()) this.#ofActor(i);
    for (const i of this.#state.copies.keys()) this.#ofCopy(i);
    this.#ofCollector();
    this.#ofTime();
    return this.#found;
  }

  #add(step: string, change: (state: State) => void): void {
    const state: State = {
      ...this.#state,
      actors: this.#state.actors.map((actor) => ({ ...actor, applied: [...actor.applied] })),
      keys: [...this.#state.keys],
      decisions: [...this.#state.decisions],
      copies: this.#state.copies.map((copy) => ({ ...copy })),
      manifests: [...this.#state.manifests],
      lost: [...this.#state.lost],
    };
    change(state);
    this.#found.push([step, state]);
  }

  #ofActor(i: number): void {
    const actor = this.#state.actors[i];
    const { phase, applied } = actor;
    const name = `process ${i + 1}`;
    const next = applied.length + 1;
    const at = this.#state.keys[(phase === "idle" ? next : actor.record) - 1];
    const young = actor.age < this.#protocol.lookTicks || this.#protocol.lookTicks === 0;
    const act = (step: string, change: (state: State, actor: Actor) => void) =>
      this.#add(`${name} ${step}`, (state) => change(state, state.actors[i]));
    const put = (state: State, self: Actor) => {
      self.phase = "put";
      self.puts++;
      state.copies.push({ nonce: self.nonce, record: self.record, awaited: true });
    };
    switch (phase) {
      case "idle":
        if (actor.attemptsLeft > 0 && next <= this.#size.records) {
          act(`puts record ${next}`, (state, self) => {
            self.record = next;
            self.nonce = 10 * (i + 1) + self.attemptsLeft;
            self.attemptsLeft--;
            self.puts = 0;
            put(state, self);
          });
        }
        if (next <= this.#size.records && at !== 0) {
          act(`reads record ${next}`, (_, self) => {
            self.record = next;
            self.phase = "holding";
            self.seen = at;
          });
        }
        break;
      case "put":
        act("is not answered", (state, self) => {
          self.phase = this.#protocol.exists === "lost" ? "again" : "exists";
          for (const copy of state.copies) if (copy.nonce === self.nonce) copy.awaited = false;
        });
        break;
      case "again":
        act(actor.puts < MAX_PUTS ? "puts it again" : "gives up", (state, self) => {
          if (self.puts < MAX_PUTS) put(state, self);
          else self.phase = "over";
        });
        break;
      case "exists":
        this.#readKey(act, at, actor, put);
        break;
      default:
        if (phase === "over") break;
        if (young) act("makes up its mind", (state, self) => this.#conclude(state, self));
    }
    // Where nothing is believed by the last one any more.
    if (!young && ["idle", "created", "other", "holding"].includes(phase)) {
      act("looks for the newest manifest", (state, self) => this.#look(state, self));
    }
  }

  #readKey(
    act: (step: string, change: (state: State, actor: Actor) => void) => void,
    at: Nonce,
    actor: Actor,
    put: (state: State, self: Actor) => void,
  ): void {
    if (at === 0) {
      act(actor.puts < MAX_PUTS ? "finds nothing and puts it again" : "finds nothing and gives up", (state, self) => {
        if (self.puts < MAX_PUTS) put(state, self);
        else self.phase = "over";
      });
      return;
    }
    const isOwn =
      this.#protocol.exists === "read" && (this.#protocol.own === "content" || Math.abs(at) === actor.nonce);
    act(`reads attempt ${Math.abs(at)}`, (_, self) => {
      self.phase = isOwn ? "created" : "other";
      self.seen = isOwn ? self.nonce : at;
    });
  }

  /** What was read or created is believed now, or what the manifest says instead. */
  #conclude(state: State, self: Actor): void {
    const { phase, nonce, record } = self;
    const decision = state.decisions[record - 1];
    self.phase = "idle";
    let isOwn = phase === "created";
    if (record <= self.boundary) {
      if (phase === "holding") return;
      isOwn = this.#protocol.nonces && decision === nonce;
    } else if (self.applied.length === record - 1) {
      const taken = isOwn ? nonce : Math.abs(self.seen);
      self.applied.push(taken);
      if (taken !== decision) state.problem = `attempt ${taken} is taken for record ${record}, which is ${decision}`;
    }
    if (phase === "holding") return;
    if (isOwn && decision !== nonce)
      state.problem = `attempt ${nonce} is told "committed", and is not record ${record}`;
    if (!isOwn && decision === nonce) state.problem = `attempt ${nonce} is told "lost", and is record ${record}`;
    if (!isOwn && decision === 0) state.lost.push(nonce);
  }

  #look(state: State, self: Actor): void {
    self.age = 0;
    const newest = this.#newestFor(state, self.generation);
    if (newest <= self.generation) return;
    const { records, boundary } = state.manifests[newest - 1];
    self.generation = newest;
    self.boundary = this.#protocol.boundary ? boundary : 0;
    if (records > self.applied.length) self.applied = state.decisions.slice(0, records);
  }

  /** From the one that it knows to the first that is absent. */
  #newestFor(state: State, known: number): number {
    const newest = state.manifests.length;
    return state.deletedManifests && known + 1 < newest ? known : newest;
  }

  #ofCopy(i: number): void {
    const { nonce, record, awaited } = this.#state.copies[i];
    const land = (state: State): boolean => {
      if (state.keys[record - 1] !== 0) return false;
      state.keys[record - 1] = nonce;
      if (state.decisions[record - 1] !== 0) return true;
      state.decisions[record - 1] = nonce;
      if (state.lost.includes(nonce)) state.problem = `attempt ${nonce} was told "lost", and is record ${record}`;
      return true;
    };
    const answer = (state: State, created: boolean) => {
      const owner = state.actors[Math.floor(nonce / 10) - 1];
      owner.phase = created ? "created" : "exists";
      owner.seen = created ? nonce : 0;
      for (const copy of state.copies) if (copy.nonce === nonce) copy.awaited = false;
    };
    if (!awaited) {
      this.#add(`attempt ${nonce}'s PUT lands late`, (state) => {
        state.copies.splice(i, 1);
        land(state);
      });
      return;
    }
    this.#add(`attempt ${nonce}'s PUT lands and is answered`, (state) => {
      state.copies.splice(i, 1);
      answer(state, land(state));
    });
    this.#add(`attempt ${nonce}'s PUT lands, is answered, and another copy of it is under way`, (state) => {
      answer(state, land(state));
    });
  }

  #ofCollector(): void {
    const { manifests, decisions, keys, waited, collecting } = this.#state;
    const { graceTicks, records } = this.#protocol;
    const decided = decisions.indexOf(0);
    const count = decided < 0 ? decisions.length : decided;
    if (manifests.length < this.#size.collections && count > collecting) {
      this.#add(`the collector publishes manifest ${manifests.length + 1}, boundary ${count}`, (state) => {
        state.manifests.push({ records: count, boundary: count });
        state.waited = 0;
        state.collecting = count;
        state.deletedManifests = false;
      });
    }
    const { collections, checkpoints = 0 } = this.#size;
    if (manifests.length > 0 && manifests.length < collections + checkpoints && checkpoints > 0) {
      this.#add(`manifest ${manifests.length + 1} is published, with no other boundary`, (state) => {
        state.manifests.push(manifests[manifests.length - 1]);
        state.deletedManifests = false;
      });
    }
    if (collecting === 0 || waited < graceTicks) return;
    keys.forEach((nonce, i) => {
      if (nonce <= 0 || i >= collecting) return;
      this.#add(`the collector deletes record ${i + 1}`, (state) => {
        state.keys[i] = records === "stub" ? -nonce : 0;
      });
    });
    if (this.#protocol.manifests === "deleted" && manifests.length > 1 && !this.#state.deletedManifests) {
      this.#add("the collector deletes the manifests before the newest", (state) => {
        state.deletedManifests = true;
      });
    }
  }

  #ofTime(): void {
    const { lookTicks, graceTicks } = this.#protocol;
    const oldest = Number.isFinite(lookTicks) ? lookTicks : 0;
    const { actors, waited, collecting } = this.#state;
    const matters = actors.some(({ age }) => age < oldest) || (collecting > 0 && waited < graceTicks);
    if (!matters) return;
    this.#add("time passes", (state) => {
      for (const actor of state.actors) actor.age = Math.min(actor.age + 1, oldest);
      if (state.collecting > 0) state.waited = Math.min(state.waited + 1, graceTicks);
    });
  }
}
