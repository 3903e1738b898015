/**
 * The C library of Open MPI or MPICH, called through Deno's FFI: no compiler, no headers.
 *
 * A handle is an address in Open MPI, and a number in MPICH.
 *
 * @module
 */

/** The makers of MPI libraries that are supported. */
export type MpiVendor = "Open MPI" | "MPICH";

/** An argument of a C function. */
type Argument = number | bigint | Deno.PointerValue | BufferSource;

/** The functions in use; all return 0, or the code of an error. */
export type MpiFunction = keyof ReturnType<typeof signatures>;

/** The constants of MPI, whose values depend on the library. */
export type MpiHandle =
  | "world"
  | "float"
  | "double"
  | "byte"
  | "sum"
  | "max"
  | "min"
  | "errorsReturn";

/** An open library. */
export interface MpiLibrary {
  /** The maker. */
  readonly vendor: MpiVendor;
  /** The version, as the library reports it. */
  readonly version: string;
  /** Whether messages travel through UCX. */
  readonly onUcx: boolean;
  /** The functions. */
  readonly call: Readonly<Record<MpiFunction, (...args: Argument[]) => number>>;
  /** The handles. */
  readonly handles: Readonly<Record<MpiHandle, Argument>>;
  /** `MPI_IN_PLACE`: the buffer of the result is also that of the values to send. */
  readonly inPlace: Deno.PointerValue;
  /** `MPI_STATUS_IGNORE`: no status is wanted. */
  readonly ignore: Deno.PointerValue;
}

/** The name of each library on Linux, and the command that installs it. */
export const LIBRARIES: Readonly<Record<MpiVendor, { name: string; install: string }>> = {
  "Open MPI": { name: "libmpi.so.40", install: "apt-get install openmpi-bin libopenmpi3" },
  MPICH: { name: "libmpich.so.12", install: "apt-get install mpich" },
};

const STATICS: Record<MpiHandle, string> = {
  world: "ompi_mpi_comm_world",
  float: "ompi_mpi_float",
  double: "ompi_mpi_double",
  byte: "ompi_mpi_byte",
  sum: "ompi_mpi_op_sum",
  max: "ompi_mpi_op_max",
  min: "ompi_mpi_op_min",
  errorsReturn: "ompi_mpi_errors_return",
};

const NUMBERS: Record<MpiHandle, number> = {
  world: 0x44000000,
  float: 0x4c00040a,
  double: 0x4c00080b,
  byte: 0x4c00010d,
  sum: 0x58000003,
  max: 0x58000001,
  min: 0x58000002,
  errorsReturn: 0x54000001,
};

/** The longest text of a version or an error, in bytes. */
const TEXT = 8192;

function signatures(handle: "pointer" | "i32") {
  const returning = (...parameters: Deno.NativeType[]) => ({ parameters, result: "i32" } as const);
  return {
    MPI_Init_thread: returning("pointer", "pointer", "i32", "buffer"),
    MPI_Comm_rank: returning(handle, "buffer"),
    MPI_Comm_size: returning(handle, "buffer"),
    MPI_Comm_set_errhandler: returning(handle, handle),
    MPI_Allreduce: returning("pointer", "buffer", "i32", handle, handle, handle),
    MPI_Allgather: returning("pointer", "i32", handle, "buffer", "i32", handle, handle),
    MPI_Bcast: returning("buffer", "i32", handle, "i32", handle),
    MPI_Barrier: returning(handle),
    MPI_Iallreduce: returning("pointer", "buffer", "i32", handle, handle, handle, "buffer"),
    MPI_Iallgather: returning("pointer", "i32", handle, "buffer", "i32", handle, handle, "buffer"),
    MPI_Ibcast: returning("buffer", "i32", handle, "i32", handle, "buffer"),
    MPI_Ibarrier: returning(handle, "buffer"),
    MPI_Test: returning("buffer", "buffer", "pointer"),
    MPI_Abort: returning(handle, "i32"),
    MPI_Error_string: returning("i32", "buffer", "buffer"),
    MPI_Finalize: returning(),
  };
}

/**
 * Opens a library.
 *
 * @param path A file, or a name for the system's loader.
 * @returns The library.
 * @throws {Error} If the library is missing, or may not be opened; the message says what to install
 *   or allow.
 */
export function openMpi(path: string): MpiLibrary {
  const text = new Uint8Array(TEXT);
  const length = new Int32Array(1);
  const description = describeLibrary(path, text, length);
  const version = description.split(/\n|, package/)[0].replace(/\s+/g, " ").trim();
  const vendor = version.startsWith("Open MPI") ? "Open MPI" : "MPICH";
  const open = vendor === "Open MPI";
  const { symbols } = Deno.dlopen(path, signatures(open ? "pointer" : "i32"));
  const handles = open ? readStatics(path) : NUMBERS;
  const inPlace = Deno.UnsafePointer.create(open ? 1n : 0xffff_ffff_ffff_ffffn);
  const ignore = Deno.UnsafePointer.create(open ? 0n : 1n);
  return {
    vendor,
    version,
    onUcx: description.includes("ch4:ucx"),
    call: symbols as unknown as MpiLibrary["call"],
    handles,
    inPlace,
    ignore,
  };
}

/** Reads a library's description, by the one function that may be called before `MPI_Init`. */
function describeLibrary(path: string, text: Uint8Array<ArrayBuffer>, length: Int32Array): string {
  let library;
  try {
    library = Deno.dlopen(path, {
      MPI_Get_library_version: { parameters: ["buffer", "buffer"], result: "i32" },
    });
  } catch (error) {
    throw explained(path, error);
  }
  library.symbols.MPI_Get_library_version(text, length as Int32Array<ArrayBuffer>);
  return decode(text, length[0]);
}

function readStatics(path: string): Record<MpiHandle, Argument> {
  const names = Object.entries(STATICS);
  const { symbols } = Deno.dlopen(
    path,
    Object.fromEntries(names.map(([, name]) => [name, { type: "pointer" as const }])),
  );
  return Object.fromEntries(
    names.map(([key, name]) => [key, symbols[name] as Deno.PointerValue]),
  ) as Record<MpiHandle, Argument>;
}

function explained(path: string, error: unknown): Error {
  const cause = { cause: error };
  if (error instanceof Deno.errors.NotCapable) {
    return new Error(
      `Cannot use MPI: permission to call ${path} is missing. Run with --allow-ffi`,
      cause,
    );
  }
  const known = Object.values(LIBRARIES);
  const { install } = known.find(({ name }) => path.endsWith(name)) ?? known[0];
  return new Error(
    `Cannot use MPI: its library ${path} cannot be opened. Install it, on Debian and Ubuntu by ` +
      install,
    cause,
  );
}

/** The message for the code of an error. */
export function describeError({ call }: MpiLibrary, code: number): string {
  const text = new Uint8Array(TEXT);
  const length = new Int32Array(1);
  call.MPI_Error_string(code, text, length);
  return decode(text, length[0]);
}

function decode(text: Uint8Array, length: number): string {
  return new TextDecoder().decode(text.subarray(0, length)).replace(/\0.*/s, "");
}
