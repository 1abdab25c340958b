// Fails, or kills the process at, the Nth file call below some folders: LD_PRELOAD=shim.so FAULT_ROOTS=a:b FAULT_CONTROL=file.
// The control file holds the numbers below, so that the program itself can set them.
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static struct control {
  int at;      // the call to fail at, from 1; 0: none
  int error;   // errno, or -1 to kill the process
  int lasting; // whether all later calls fail too, except those that remove or close
  int reads;   // whether calls that read count, instead of those that write
  atomic_int count;
} *control;

static char roots[8][512];
static int root_count;

static void *next(const char *name) { return dlsym(RTLD_NEXT, name); }
#define NEXT(name) static __typeof__(&name) real; if (!real) real = next(#name)

static int (*real_open64)(const char *, int, ...);
static ssize_t (*real_readlink)(const char *, char *, size_t);

__attribute__((constructor)) static void start(void) {
  real_open64 = next("open64");
  real_readlink = next("readlink");
  const char *given = getenv("FAULT_ROOTS"), *path = getenv("FAULT_CONTROL");
  if (!given || !path) return;
  char copy[4096] = {0};
  strncpy(copy, given, sizeof copy - 1);
  for (char *root = strtok(copy, ":"); root && root_count < 8; root = strtok(0, ":")) strncpy(roots[root_count++], root, 511);
  int fd = real_open64(path, O_RDWR | O_CLOEXEC);
  if (fd < 0) return;
  void *at = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (at != MAP_FAILED) control = at;
  close(fd);
}

static int below(const char *path) {
  if (!control || !path) return 0;
  char absolute[4096];
  if (path[0] != '/') {
    if (!getcwd(absolute, 2048)) return 0;
    strcat(absolute, "/");
    strncat(absolute, path, 2000);
    path = absolute;
  }
  for (int i = 0; i < root_count; i++)
    if (!strncmp(path, roots[i], strlen(roots[i]))) return 1;
  return 0;
}

static int fd_below(int fd) {
  if (!control) return 0;
  char link[64], path[2048];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = real_readlink(link, path, sizeof path - 1);
  if (length < 0) return 0;
  path[length] = 0;
  return below(path);
}

enum { READS, WRITES, REMOVES };

// Whether the call is to fail; errno is set.
static int fails(int kind) {
  int saved = errno;
  if (!control->at || (kind == READS) != control->reads) return 0;
  int number = atomic_fetch_add(&control->count, 1) + 1;
  if (number == control->at || (control->lasting && number > control->at && kind != REMOVES)) {
    if (control->error == -1) kill(getpid(), SIGKILL);
    errno = control->error;
    return 1;
  }
  errno = saved;
  return 0;
}

#define OPEN(name)                                                                                                    \
  int name(const char *path, int flags, ...) {                                                                        \
    mode_t mode = 0;                                                                                                  \
    if (flags & (O_CREAT | O_TMPFILE)) {                                                                              \
      va_list list;                                                                                                   \
      va_start(list, flags);                                                                                          \
      mode = va_arg(list, mode_t);                                                                                    \
      va_end(list);                                                                                                   \
    }                                                                                                                 \
    NEXT(name);                                                                                                       \
    if (below(path) && fails(flags & (O_CREAT | O_WRONLY | O_RDWR) ? WRITES : READS)) return -1;                      \
    return real(path, flags, mode);                                                                                   \
  }
OPEN(open)
OPEN(open64)

// Calls of an open file.
#define OF_FILE(kind, type, name, parameters, arguments)                                                              \
  type name parameters {                                                                                              \
    NEXT(name);                                                                                                       \
    if (fd_below(fd) && fails(kind)) return -1;                                                                       \
    return real arguments;                                                                                            \
  }
OF_FILE(WRITES, int, fsync, (int fd), (fd))
OF_FILE(WRITES, int, fdatasync, (int fd), (fd))
OF_FILE(WRITES, ssize_t, write, (int fd, const void *data, size_t size), (fd, data, size))
OF_FILE(WRITES, ssize_t, writev, (int fd, const struct iovec *data, int count), (fd, data, count))
OF_FILE(WRITES, ssize_t, pwrite64, (int fd, const void *data, size_t size, off64_t at), (fd, data, size, at))
OF_FILE(WRITES, ssize_t, pwritev64, (int fd, const struct iovec *data, int count, off64_t at), (fd, data, count, at))
OF_FILE(WRITES, int, ftruncate64, (int fd, off64_t size), (fd, size))
OF_FILE(WRITES, int, futimens, (int fd, const struct timespec times[2]), (fd, times))
OF_FILE(WRITES, int, fchmod, (int fd, mode_t mode), (fd, mode))
OF_FILE(READS, ssize_t, read, (int fd, void *data, size_t size), (fd, data, size))
OF_FILE(READS, ssize_t, pread64, (int fd, void *data, size_t size, off64_t at), (fd, data, size, at))

ssize_t sendfile64(int to, int from, off64_t *at, size_t size) {
  NEXT(sendfile64);
  if (fd_below(to) && fails(WRITES)) return -1;
  return real(to, from, at, size);
}

// A file that cannot be closed is closed anyway.
int close(int fd) {
  NEXT(close);
  int writable = (fcntl(fd, F_GETFL) & O_ACCMODE) != O_RDONLY;
  int failing = fd_below(fd) && fails(writable ? WRITES : READS);
  int error = errno, result = real(fd);
  if (!failing) return result;
  errno = error;
  return -1;
}

#define OF_PATH(kind, type, none, name, parameters, arguments, path)                                                  \
  type name parameters {                                                                                              \
    NEXT(name);                                                                                                       \
    if (below(path) && fails(kind)) return none;                                                                      \
    return real arguments;                                                                                            \
  }
OF_PATH(WRITES, int, -1, rename, (const char *from, const char *to), (from, to), to)
OF_PATH(WRITES, int, -1, symlink, (const char *target, const char *path), (target, path), path)
OF_PATH(WRITES, int, -1, link, (const char *from, const char *to), (from, to), to)
OF_PATH(WRITES, int, -1, mkdir, (const char *path, mode_t mode), (path, mode), path)
OF_PATH(REMOVES, int, -1, unlink, (const char *path), (path), path)
OF_PATH(REMOVES, int, -1, rmdir, (const char *path), (path), path)
OF_PATH(READS, DIR *, 0, opendir, (const char *path), (path), path)

int scandir64(const char *path, struct dirent64 ***list, int (*filter)(const struct dirent64 *),
              int (*compare)(const struct dirent64 **, const struct dirent64 **)) {
  NEXT(scandir64);
  if (below(path) && fails(READS)) return -1;
  return real(path, list, filter, compare);
}

// Node copies files, and fs-native-extensions exchanges them, by number.
long syscall(long number, ...) {
  static long (*real)(long, ...);
  if (!real) real = next("syscall");
  va_list list;
  va_start(list, number);
  long a[6];
  for (int i = 0; i < 6; i++) a[i] = va_arg(list, long);
  va_end(list);
  if (number == SYS_renameat2 && below((const char *)a[3]) && fails(WRITES)) return -1;
  if (number == SYS_copy_file_range && fd_below((int)a[2]) && fails(WRITES)) return -1;
  return real(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}
