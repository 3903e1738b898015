import { describeError, type MpiFunction, type MpiLibrary } from "./mpi_library.ts";
import type { Numbers, Reduction, World } from "./world.ts";

/** Size of a message, in bytes. Larger ones are slower: through shared memory, they are cut twice. */
const CHUNK = 4 * 2 ** 20;

/** All threads may call MPI: the watchdog does so while the main thread is blocked in a call. */
const THREAD_MULTIPLE = 3;

/** Sleep between two polls, in ms. */
const NAP = 0.02;

/** Time of polling without sleep, in ms: few ranks are later than that. */
const SPIN = 5;

/** Time in which every rank leaves the last meeting, also on a busy machine, in ms. */
const QUIET = 200;

type Arguments = Parameters<MpiLibrary["call"][MpiFunction]>;

/** The functions that wait for the other ranks. */
type Collective = "Allreduce" | "Allgather" | "Bcast" | "Barrier";

/** Ends the job if a piece of work takes too long. */
interface WorkWatcher {
  begin(work: string): () => void;
}

/** The processes that `mpirun` has started. */
export class MpiWorld implements World {
  readonly rank: number;
  readonly size: number;
  readonly #mpi: MpiLibrary;
  #watchdog: WorkWatcher | undefined;
  readonly #crowded: boolean;
  readonly #sleeper = new Int32Array(new SharedArrayBuffer(4));
  /** The handle of a pending message, and whether it is complete. */
  readonly #request = new Uint8Array(8);
  readonly #done = new Int32Array(1);

  /**
   * Joins the other ranks.
   *
   * @param mpi The library.
   * @param crowded Whether there are more ranks than cores: then a rank sleeps while it waits, so
   *   that others can work. MPI itself would keep the core busy.
   * @throws {Error} If MPI fails.
   */
  constructor(mpi: MpiLibrary, crowded = false) {
    this.#mpi = mpi;
    this.#crowded = crowded;
    const { world, errorsReturn } = mpi.handles;
    this.#call("MPI_Init_thread", null, null, THREAD_MULTIPLE, new Int32Array(1));
    this.#call("MPI_Comm_set_errhandler", world, errorsReturn);
    const read = (name: "MPI_Comm_rank" | "MPI_Comm_size") => {
      const value = new Int32Array(1);
      this.#call(name, world, value);
      return value[0];
    };
    this.rank = read("MPI_Comm_rank");
    this.size = read("MPI_Comm_size");
  }

  get library(): string {
    return this.#mpi.version;
  }

  /** From now on, a piece of work that takes too long ends the job. */
  watchBy(watchdog: WorkWatcher): void {
    this.#watchdog = watchdog;
  }

  reduce(values: Numbers, reduction: Reduction = "sum"): void {
    const { inPlace, handles } = this.#mpi;
    const type = values instanceof Float32Array ? handles.float : handles.double;
    this.#exchange(() => {
      for (const part of chunks(values)) {
        const { length } = part;
        this.#together(
          "Allreduce",
          inPlace,
          part,
          length,
          type,
          handles[reduction],
          handles.world,
        );
      }
    });
  }

  broadcast(values: ArrayBufferView, root = 0): void {
    const { byte, world } = this.#mpi.handles;
    const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    this.#exchange(() => {
      for (const part of chunks(bytes)) {
        this.#together("Bcast", part, part.length, byte, root, world);
      }
    });
  }

  gather(values: Float64Array): Float64Array {
    const { inPlace, handles: { double, world } } = this.#mpi;
    const { length } = values;
    const all = new Float64Array(this.size * length);
    all.set(values, this.rank * length);
    // A rank that is much later may need the core. After this meeting, all ranks are awake.
    this.#exchange(() =>
      this.#patiently("Allgather", this.#crowded ? 0 : SPIN, [
        inPlace,
        0,
        double,
        all,
        length,
        double,
        world,
      ])
    );
    return all;
  }

  barrier(): void {
    this.#exchange(() => this.#together("Barrier", this.#mpi.handles.world));
  }

  abort(code: number): never {
    this.#mpi.call.MPI_Abort(this.#mpi.handles.world, code);
    throw new Error(`Cannot abort: MPI_Abort(${code}) has returned`);
  }

  watch(work: string): () => void {
    return this.#watchdog?.begin(work) ?? nothing;
  }

  /**
   * Leaves MPI, once all ranks do.
   *
   * On UCX, `MPI_Finalize` asks the others over TCP to confirm what they received. Once it has their
   * answers, it waits for the end of all ranks without answering any more: a rank that asks later
   * would wait forever. A rank answers in each of its calls of MPI. So the ranks meet, and call
   * nothing until all have left the meeting: then each one asks before it answers.
   */
  finalize(): void {
    if (this.#mpi.onUcx && this.size > 1) {
      this.#patiently("Barrier", SPIN, [this.#mpi.handles.world]);
      Atomics.wait(this.#sleeper, 0, 0, QUIET);
    }
    this.#call("MPI_Finalize");
  }

  #exchange(work: () => void): void {
    const end = this.watch("an exchange with the others");
    work();
    end();
  }

  #together(name: Collective, ...args: Arguments): void {
    if (this.#crowded) this.#patiently(name, 0, args);
    else this.#call(`MPI_${name}`, ...args);
  }

  /** Polls for a while, then between naps. */
  #patiently(name: Collective, spin: number, args: Arguments): void {
    this.#call(`MPI_I${name.toLowerCase() as Lowercase<Collective>}`, ...args, this.#request);
    const began = performance.now();
    for (;;) {
      this.#call("MPI_Test", this.#request, this.#done, this.#mpi.ignore);
      if (this.#done[0]) return;
      if (performance.now() - began > spin) Atomics.wait(this.#sleeper, 0, 0, NAP);
    }
  }

  #call(name: MpiFunction, ...args: Arguments): void {
    const code = this.#mpi.call[name](...args);
    if (code === 0) return;
    throw new Error(`Cannot continue: ${name} has failed: ${describeError(this.#mpi, code)}`);
  }
}

const nothing = () => {};

function* chunks<T extends Numbers | Uint8Array>(values: T): Iterable<T & BufferSource> {
  const length = CHUNK / values.BYTES_PER_ELEMENT;
  for (let start = 0; start < values.length; start += length) {
    yield values.subarray(start, start + length) as T & BufferSource;
  }
}
