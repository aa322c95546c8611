/* The terminal: whether a file leads to one, how large it is and what it answers. */
#include "bind/bind.h"
#include <ctype.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

enum { ANSWER_BYTES = 4096 };

/* The descriptor of an open file of the io library; -1 for anything else. */
static int file_descriptor(lua_State *L, int arg) {
    const luaL_Stream *stream = luaL_testudata(L, arg, LUA_FILEHANDLE);
    return stream && stream->closef ? fileno(stream->f) : -1;
}

/* isatty(file) -> whether a file of the io library leads to a terminal; false for anything else */
static int l_isatty(lua_State *L) {
    int fd = file_descriptor(L, 1);
    lua_pushboolean(L, fd >= 0 && isatty(fd));
    return 1;
}

/* window_size(file) -> columns, rows, width and height in pixels of the terminal that the file leads to, 0
 * where it does not say; nothing where the file leads to none */
static int l_window_size(lua_State *L) {
    struct winsize size;
    int fd = file_descriptor(L, 1);
    if (fd < 0 || ioctl(fd, TIOCGWINSZ, &size) != 0) return 0;
    lua_pushinteger(L, size.ws_col);
    lua_pushinteger(L, size.ws_row);
    lua_pushinteger(L, size.ws_xpixel);
    lua_pushinteger(L, size.ws_ypixel);
    return 4;
}

/* --- questions ------------------------------------------------------------------------------------------ */

static int64_t now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Is there an answer to ESC [ c in the text: ESC [ ? digits ; digits c? */
static bool has_attributes(const char *text, size_t n) {
    for (size_t i = 0; i + 3 < n; i++) {
        if (text[i] != '\033' || text[i + 1] != '[' || text[i + 2] != '?') continue;
        size_t j = i + 3;
        while (j < n && (isdigit((unsigned char)text[j]) || text[j] == ';')) j++;
        if (j < n && text[j] == 'c') return true;
    }
    return false;
}

/* Waits for input until the deadline; false where none came, or Ctrl-C. */
static bool wait_input(const Ctx *c, int64_t deadline_ms) {
    struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
    for (;;) {
        int64_t left = deadline_ms - now_ms();
        int ready = poll(&input, 1, left > 0 ? (int)left : 0);
        if (ready >= 0 || errno != EINTR) return ready > 0;
        if (ctx_stopping(c)) return false;
    }
}

static bool write_query(const char *query, size_t n) {
    while (n > 0) {
        ssize_t done = write(STDOUT_FILENO, query, n);
        if (done < 0 && errno == EINTR) continue;
        if (done <= 0) return false;
        query += done;
        n -= (size_t)done;
    }
    return true;
}

/* Reads until the device attributes came, the deadline or the end of the room. */
static size_t read_answer(const Ctx *c, int64_t deadline_ms, char *text) {
    size_t n = 0;
    while (n < ANSWER_BYTES && !has_attributes(text, n) && wait_input(c, deadline_ms)) {
        ssize_t more = read(STDIN_FILENO, text + n, ANSWER_BYTES - n);
        if (more <= 0) break;
        n += (size_t)more;
    }
    return n;
}

/* Bytes that the user typed are not taken for an answer: nothing is asked while some wait to be read. */
static bool ask(const Ctx *c, const char *query, size_t length, int64_t wait_ms, char *text, size_t *n) {
    struct termios before, during;
    if (tcgetattr(STDIN_FILENO, &before) != 0) return false;
    during = before;
    during.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
    during.c_cc[VMIN] = 1;
    during.c_cc[VTIME] = 0;
    if (tcsetattr(STDIN_FILENO, TCSANOW, &during) != 0) return false;
    bool asked = !wait_input(c, 0) && write_query(query, length);
    if (asked) *n = read_answer(c, now_ms() + wait_ms, text);
    tcsetattr(STDIN_FILENO, TCSANOW, &before);
    return asked;
}

/* ask_terminal(query, seconds) -> the bytes that came; nil where nothing was asked. Standard input and output
 * must lead to a terminal in whose foreground this process is, and no typed bytes may wait there. The query
 * ends with ESC [ c, which every terminal answers last: that ends the wait. What is typed meanwhile is among
 * the bytes. */
static int l_ask_terminal(lua_State *L) {
    size_t length, n = 0;
    const char *query = luaL_checklstring(L, 1, &length);
    double seconds = luaL_checknumber(L, 2);
    char text[ANSWER_BYTES];
    if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO) || tcgetpgrp(STDIN_FILENO) != getpgrp()) return 0;
    fflush(stdout);
    if (!ask(ctx(L), query, length, (int64_t)(1000 * seconds), text, &n)) return 0;
    lua_pushlstring(L, text, n);
    return 1;
}

void open_terminal(lua_State *L) {
    static const OpReg functions[] = {
        {"isatty", l_isatty, 1}, {"window_size", l_window_size, 1}, {"ask_terminal", l_ask_terminal, 2}, {0}};
    register_functions(L, functions);
}
