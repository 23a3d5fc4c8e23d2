/* A machine that pauses, and a process that is stopped for a while.
 *
 * The Python backend waits a second for a model's process, then asks whether that has said "I live" meanwhile, and takes
 * it for dead if not. Its answer, which comes later all the same, is then taken for the next request's. So the wait goes
 * on here while that process is there: one that does not go on is killed from outside
 * (gsv_runtime/server/model_reloader.py).
 */
#include "_preload.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <semaphore.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define LONGEST_S 600
#define LONGEST_NAME 256

/* The name of the shared memory file that `address` lies in; empty if it lies in none. */
static void file_of(const void *address, char name[LONGEST_NAME])
{
    char line[1024];
    name[0] = '\0';
    FILE *maps = fopen("/proc/self/maps", "re");
    while (maps != NULL && name[0] == '\0' && fgets(line, sizeof line, maps) != NULL) {
        uintptr_t first, end;
        const char *path = strstr(line, "/dev/shm/");
        if (path != NULL && sscanf(line, "%lx-%lx", &first, &end) == 2 && (uintptr_t)address >= first &&
            (uintptr_t)address < end)
            sscanf(path + strlen("/dev/shm/"), "%255s", name);
    }
    if (maps != NULL)
        fclose(maps);
}

/* Whether process `pid` has been given `name` on its command line; one that has died has no command line. */
static int has_been_given(const char *pid, const char *name)
{
    char path[64], words[4096];
    snprintf(path, sizeof path, "/proc/%.16s/cmdline", pid);
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return 0;
    ssize_t length = read(file, words, sizeof words);
    close(file);
    return length > 0 && strstr(words, "triton_python_backend_stub") != NULL &&
           memmem(words, (size_t)length, name, strlen(name)) != NULL;
}

/* Whether the process of the model that shares the memory of this name is there, at work or stopped. */
static int its_process_is_there(const char *name)
{
    int found = 0;
    DIR *processes = name[0] == '\0' ? NULL : opendir("/proc");
    for (struct dirent *entry; processes != NULL && !found && (entry = readdir(processes)) != NULL;)
        found = isdigit((unsigned char)entry->d_name[0]) && has_been_given(entry->d_name, name);
    if (processes != NULL)
        closedir(processes);
    return found;
}

EXPORTED int sem_timedwait(sem_t *restrict semaphore, const struct timespec *restrict until)
{
    static __typeof__(&sem_timedwait) next;
    if (next == NULL)
        next = NEXT(sem_timedwait);
    int status = next(semaphore, until);
    if (status == 0 || errno != ETIMEDOUT || !from_backend(CALLER))
        return status;
    char name[LONGEST_NAME];
    file_of(semaphore, name);
    for (int waited_s = 1; waited_s < LONGEST_S && its_process_is_there(name); waited_s++) {
        struct timespec later;
        clock_gettime(CLOCK_REALTIME, &later);
        later.tv_sec++;
        status = next(semaphore, &later);
        if (status == 0 || errno != ETIMEDOUT)
            return status;
    }
    errno = ETIMEDOUT;
    return -1;
}
