/*
 * What an allreduce takes in C: the same sizes, pieces and repetitions as in scale_worker.ts.
 *
 * It opens the library by its name, so that it is compiled without the headers of any MPI:
 * cc -O2 allreduce.c -o allreduce -ldl. Handles are passed as long, which fits both a pointer and a
 * number in the registers of 64-bit machines.
 */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1e6 + t.tv_nsec / 1e3;
}

static int ascending(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

int main(int argc, char **argv) {
  void *mpi = dlopen(argv[1], RTLD_NOW | RTLD_GLOBAL);
  int open = strstr(argv[1], "libmpi.so") != NULL;
  long world = open ? (long)dlsym(mpi, "ompi_mpi_comm_world") : 0x44000000;
  long type = open ? (long)dlsym(mpi, "ompi_mpi_float") : 0x4c00040a;
  long sum = open ? (long)dlsym(mpi, "ompi_mpi_op_sum") : 0x58000003;
  void *in_place = (void *)(open ? 1L : -1L);
  int (*init)(int *, char ***, int, int *) = dlsym(mpi, "MPI_Init_thread");
  int (*rank_of)(long, int *) = dlsym(mpi, "MPI_Comm_rank");
  int (*allreduce)(void *, void *, int, long, long, long) = dlsym(mpi, "MPI_Allreduce");
  int (*barrier)(long) = dlsym(mpi, "MPI_Barrier");
  int (*finalize)(void) = dlsym(mpi, "MPI_Finalize");
  int provided, rank;
  init(NULL, NULL, 3, &provided);
  rank_of(world, &rank);
  if (rank == 0) printf("[");
  for (int i = 2; i < argc; i++) {
    long bytes = atol(argv[i]);
    int count = bytes < 1 << 20 ? 200 : bytes < 1 << 26 ? 20 : 5;
    float *values = calloc(bytes, 1);
    double *times = malloc(count * sizeof(double));
    for (int turn = -2; turn < count; turn++) {
      barrier(world);
      double began = now();
      for (long at = 0; at < bytes; at += 4 << 20) {
        long part = bytes - at < 4 << 20 ? bytes - at : 4 << 20;
        allreduce(in_place, (char *)values + at, part / 4, type, sum, world);
      }
      if (turn >= 0) times[turn] = now() - began;
    }
    qsort(times, count, sizeof(double), ascending);
    if (rank == 0) printf("%s%f", i > 2 ? "," : "", times[count / 2]);
    free(values);
    free(times);
  }
  if (rank == 0) printf("]\n");
  return finalize();
}
