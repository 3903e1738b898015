import { describeError, type MpiFunction, type MpiLibrary } from "./mpi_library.ts";
import type { Watchdog } from "./watchdog.ts";
import type { Numbers, Reduction, World } from "./world.ts";

/** More at once is slower: through shared memory, a large message is cut into pieces twice. */
const CHUNK = 4 * 2 ** 20;

/** All may call MPI: the watchdog does so while the main thread is blocked inside it. */
const THREAD_MULTIPLE = 3;

/** The processes that `mpirun` has started. */
export class MpiWorld implements World {
  readonly rank: number;
  readonly size: number;
  readonly #mpi: MpiLibrary;
  #watchdog: Watchdog | undefined;

  /** Joins the others. */
  constructor(mpi: MpiLibrary) {
    this.#mpi = mpi;
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

  /** From now on, whatever takes too long ends the job. */
  guard(watchdog: Watchdog): void {
    this.#watchdog = watchdog;
  }

  reduce(values: Numbers, reduction: Reduction = "sum"): void {
    const { inPlace, handles } = this.#mpi;
    const type = values instanceof Float32Array ? handles.float : handles.double;
    this.#exchange(() => {
      for (const part of chunks(values)) {
        const { length } = part;
        this.#call(
          "MPI_Allreduce",
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
        this.#call("MPI_Bcast", part, part.length, byte, root, world);
      }
    });
  }

  gather(values: Float64Array): Float64Array {
    const { inPlace, handles: { double, world } } = this.#mpi;
    const { length } = values;
    const all = new Float64Array(this.size * length);
    all.set(values, this.rank * length);
    this.#exchange(() =>
      this.#call("MPI_Allgather", inPlace, 0, double, all, length, double, world)
    );
    return all;
  }

  barrier(): void {
    this.#exchange(() => this.#call("MPI_Barrier", this.#mpi.handles.world));
  }

  abort(code: number): never {
    this.#mpi.call.MPI_Abort(this.#mpi.handles.world, code);
    throw new Error(`Cannot go on as MPI_Abort(${code}) must not return: it did`);
  }

  watch(work: string): () => void {
    return this.#watchdog?.begin(work) ?? nothing;
  }

  /** Leaves the others, once all of them do. */
  finalize(): void {
    this.#call("MPI_Finalize");
  }

  #exchange(work: () => void): void {
    const end = this.watch("an exchange with the others");
    work();
    end();
  }

  #call(name: MpiFunction, ...args: Parameters<MpiLibrary["call"][MpiFunction]>): void {
    const code = this.#mpi.call[name](...args);
    if (code === 0) return;
    throw new Error(`Cannot go on as ${name} must succeed: ${describeError(this.#mpi, code)}`);
  }
}

const nothing = () => {};

function* chunks<T extends Numbers | Uint8Array>(values: T): Iterable<T & BufferSource> {
  const length = CHUNK / values.BYTES_PER_ELEMENT;
  for (let start = 0; start < values.length; start += length) {
    yield values.subarray(start, start + length) as T & BufferSource;
  }
}
