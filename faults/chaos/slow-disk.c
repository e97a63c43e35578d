/*
 * Makes a fast disk slow, for every program that is started with this library in LD_PRELOAD. Each call that syncs a
 * file, or writes to a regular one, sleeps first. The file that CHAOS_SLOW_DISK names says for how long, and may
 * change at any time. It also counts the calls that were delayed, and those that found the disk full. The machine has
 * to be little-endian, as for the rest of the program.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

struct control {
  volatile uint32_t sync_us;
  volatile uint32_t write_us;
  uint64_t delayed;
  uint64_t full;
};

static struct control *control;

__attribute__((constructor)) static void attach(void) {
  const char *path = getenv("CHAOS_SLOW_DISK");
  if (path == NULL) return;
  int file = open(path, O_RDWR | O_CLOEXEC);
  if (file < 0) return;
  void *page = mmap(NULL, sizeof(struct control), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  close(file);
  if (page != MAP_FAILED) control = page;
}

static void delay(uint32_t microseconds) {
  int before = errno;
  struct timespec time = {microseconds / 1000000, (microseconds % 1000000) * 1000L};
  __atomic_add_fetch(&control->delayed, 1, __ATOMIC_RELAXED);
  nanosleep(&time, NULL);
  errno = before;
}

static void before_sync(void) {
  if (control != NULL && control->sync_us > 0) delay(control->sync_us);
}

static void before_write(int file) {
  struct stat about;
  if (control == NULL || control->write_us == 0) return;
  if (fstat(file, &about) == 0 && S_ISREG(about.st_mode)) delay(control->write_us);
}

static ssize_t counted(ssize_t result) {
  if (result < 0 && errno == ENOSPC && control != NULL) __atomic_add_fetch(&control->full, 1, __ATOMIC_RELAXED);
  return result;
}

int fsync(int file) {
  before_sync();
  return (int)counted(syscall(SYS_fsync, file));
}

int fdatasync(int file) {
  before_sync();
  return (int)counted(syscall(SYS_fdatasync, file));
}

ssize_t write(int file, const void *bytes, size_t length) {
  before_write(file);
  return counted(syscall(SYS_write, file, bytes, length));
}

ssize_t pwrite(int file, const void *bytes, size_t length, off_t offset) {
  before_write(file);
  return counted(syscall(SYS_pwrite64, file, bytes, length, offset));
}

ssize_t pwrite64(int file, const void *bytes, size_t length, off64_t offset) {
  before_write(file);
  return counted(syscall(SYS_pwrite64, file, bytes, length, offset));
}

ssize_t writev(int file, const struct iovec *parts, int count) {
  before_write(file);
  return counted(syscall(SYS_writev, file, parts, count));
}

/* The system call has two arguments for the offset. A 64-bit kernel reads the first only. */
ssize_t pwritev(int file, const struct iovec *parts, int count, off_t offset) {
  before_write(file);
  return counted(syscall(SYS_pwritev, file, parts, count, offset, 0L));
}

ssize_t pwritev64(int file, const struct iovec *parts, int count, off64_t offset) {
  before_write(file);
  return counted(syscall(SYS_pwritev, file, parts, count, offset, 0L));
}
