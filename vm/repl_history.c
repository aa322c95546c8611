/* History across sessions, several of which may be open at once: each input is appended to the file under a
 * lock when it was made, so no session overwrites another's; closing a session takes doubles and the oldest
 * out.
 *
 * The file is text: an entry's first line as it is, its further lines behind a tab. (No entry begins with a
 * blank.) */
#include "repl.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <readline/history.h>

enum {
    MOST_ENTRIES = 5000,
    PATH_BYTES = 4096,
    LOCK_TRIES = 100,
    LOCK_PAUSE_US = 10000,
    MOST_BYTES = 64 << 20
};

static char path[PATH_BYTES]; /* "": no file */

/* --- where ---------------------------------------------------------------------------------------------- */

static bool choose_path(void) {
    const char *given = getenv("APSIS_HISTORY"), *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
    if (given) return *given && snprintf(path, PATH_BYTES, "%s", given) < PATH_BYTES;
    if (state && *state == '/') return snprintf(path, PATH_BYTES, "%s/apsis/history", state) < PATH_BYTES;
    return home && *home && snprintf(path, PATH_BYTES, "%s/.local/state/apsis/history", home) < PATH_BYTES;
}

/* Makes the folders of the path; where it cannot, opening the file says so. */
static void make_folders(void) {
    for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        mkdir(path, 0700);
        *slash = '/';
    }
}

/* --- the file ------------------------------------------------------------------------------------------- */

static bool is_same_file(int fd) {
    struct stat opened, there;
    return fstat(fd, &opened) == 0 && stat(path, &there) == 0 && opened.st_ino == there.st_ino &&
           opened.st_dev == there.st_dev;
}

/* Opens and locks the file; closing it unlocks. -1 where it cannot be, or somebody holds the lock for long.
 */
static int open_locked(void) {
    for (int i = 0; *path && i < LOCK_TRIES; i++) {
        int fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
        if (fd < 0) return -1;
        if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
            if (is_same_file(fd)) return fd;
            /* Another session put a new file in its place meanwhile. */
        } else {
            usleep(LOCK_PAUSE_US);
        }
        close(fd);
    }
    return -1;
}

static bool write_all(int fd, const char *data, size_t n) {
    while (n > 0) {
        ssize_t done = write(fd, data, n);
        if (done < 0 && errno == EINTR) continue;
        if (done <= 0) return false;
        data += done;
        n -= (size_t)done;
    }
    return true;
}

/* All of the file with a zero byte behind it, malloc'd; NULL where it cannot be read. */
static char *read_whole(int fd) {
    struct stat s;
    if (fstat(fd, &s) != 0 || !S_ISREG(s.st_mode) || s.st_size > MOST_BYTES) return NULL;
    char *data = malloc((size_t)s.st_size + 1);
    ssize_t n = data ? pread(fd, data, (size_t)s.st_size, 0) : -1;
    if (n < 0) {
        free(data);
        return NULL;
    }
    data[n] = '\0';
    return data;
}

/* An entry as the file has it, malloc'd. */
static char *encode(const char *entry) {
    size_t n = strlen(entry), lines = 1;
    for (const char *p = entry; *p; p++) lines += *p == '\n';
    char *text = malloc(n + lines + 2), *to = text;
    if (!text) return NULL;
    for (const char *p = entry; *p; p++) {
        *to++ = *p;
        if (*p == '\n') *to++ = '\t';
    }
    memcpy(to, "\n", 2);
    return text;
}

/* Cuts the next entry off a file's text, decoding it in place; NULL at the end. */
static char *next_entry(char **rest) {
    while (**rest == '\n') ++*rest;
    char *entry = *rest, *to = entry, *p = entry;
    if (!*entry) return NULL;
    for (; *p && !(*p == '\n' && p[1] != '\t'); p++) {
        *to++ = *p;
        if (*p == '\n') p++; /* the tab */
    }
    *rest = *p ? p + 1 : p;
    *to = '\0';
    return entry;
}

/* --- doubles -------------------------------------------------------------------------------------------- */

typedef struct Entry {
    char *text;
    size_t at;
    bool gone;
} Entry;

static int by_text(const void *a, const void *b) {
    const Entry *x = *(Entry *const *)a, *y = *(Entry *const *)b;
    int order = strcmp(x->text, y->text);
    return order ? order : (x->at > y->at) - (x->at < y->at);
}

/* Marks all but the last of equal entries, and all but the last MOST_ENTRIES; returns how many. */
static size_t mark_gone(Entry *entries, size_t n) {
    Entry **sorted = malloc((n + 1) * sizeof *sorted);
    size_t gone = 0;
    if (!sorted) return 0;
    for (size_t i = 0; i < n; i++) sorted[i] = &entries[i];
    qsort(sorted, n, sizeof *sorted, by_text);
    for (size_t i = 1; i < n; i++)
        if (strcmp(sorted[i - 1]->text, sorted[i]->text) == 0) sorted[i - 1]->gone = true;
    free(sorted);
    for (size_t i = n, kept = 0; i-- > 0;) {
        if (!entries[i].gone && ++kept > MOST_ENTRIES) entries[i].gone = true;
        gone += entries[i].gone;
    }
    return gone;
}

/* Writes the entries that stay into a new file and puts it in the old one's place. */
static void replace_file(const Entry *entries, size_t n) {
    char fresh[PATH_BYTES + 16];
    snprintf(fresh, sizeof fresh, "%s.XXXXXX", path);
    int fd = mkstemp(fresh);
    bool ok = fd >= 0;
    for (size_t i = 0; ok && i < n; i++) {
        if (entries[i].gone) continue;
        char *text = encode(entries[i].text);
        ok = text && write_all(fd, text, strlen(text));
        free(text);
    }
    if (fd >= 0 && close(fd) != 0) ok = false;
    if (fd >= 0 && (!ok || rename(fresh, path) != 0)) unlink(fresh);
}

void past_close(void) {
    int fd = open_locked();
    char *data = fd >= 0 ? read_whole(fd) : NULL, *rest = data, *text;
    size_t n = 0, room = 1;
    for (const char *p = data; p && *p; p++) room += *p == '\n';
    Entry *entries = data ? malloc((room + 1) * sizeof *entries) : NULL;
    while (entries && (text = next_entry(&rest))) {
        entries[n] = (Entry){text, n, false};
        n++;
    }
    if (entries && mark_gone(entries, n)) replace_file(entries, n);
    free(entries);
    free(data);
    if (fd >= 0) close(fd);
}

/* --- entries -------------------------------------------------------------------------------------------- */

void past_open(void) {
    using_history();
    if (!choose_path()) *path = '\0';
    if (!*path) return;
    make_folders();
    int fd = open_locked();
    char *data = fd >= 0 ? read_whole(fd) : NULL, *rest = data, *text;
    if (fd >= 0) close(fd);
    while (data && (text = next_entry(&rest))) add_history(text);
    free(data);
    stifle_history(MOST_ENTRIES);
}

static void forget(const char *entry) {
    HIST_ENTRY **all = history_list();
    for (int i = history_length; all && i-- > 0;) {
        if (strcmp(all[i]->line, entry) != 0) continue;
        free_history_entry(remove_history(i));
        return;
    }
}

void past_add(const char *entry) {
    entry += strspn(entry, " \t\n");
    if (!*entry) return;
    forget(entry);
    add_history(entry);
    int fd = open_locked();
    if (fd < 0) return;
    char *text = encode(entry), last = '\n';
    off_t size = lseek(fd, 0, SEEK_END);
    bool torn = size > 0 && pread(fd, &last, 1, size - 1) == 1 && last != '\n';
    if (text && (!torn || write_all(fd, "\n", 1))) write_all(fd, text, strlen(text));
    free(text);
    close(fd);
}
