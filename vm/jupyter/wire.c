/* Receiving, checking, signing and sending messages. */
#include "wire.h"
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static const char delimiter[] = "<IDS|MSG>";
enum { DELIMITER_BYTES = sizeof delimiter - 1, HEX_BYTES = 2 * SIGNATURE_BYTES };

bool wire_init(Wire *w, Text key) {
    *w = (Wire){.key_length = key.length};
    w->key = malloc(key.length + 1);
    w->seen = calloc(WIRE_SEEN, sizeof *w->seen);
    if (!w->key || !w->seen) return false;
    memcpy(w->key, key.data, key.length);
    return true;
}

void wire_free(Wire *w) {
    if (w->key) sodium_memzero(w->key, w->key_length);
    free(w->key);
    free(w->seen);
    *w = (Wire){0};
}

static void sign(const Wire *w, const Text parts[PARTS], unsigned char out[SIGNATURE_BYTES]) {
    crypto_auth_hmacsha256_state state;
    crypto_auth_hmacsha256_init(&state, (const unsigned char *)w->key, w->key_length);
    for (int i = 0; i < PARTS; i++)
        crypto_auth_hmacsha256_update(&state, (const unsigned char *)parts[i].data, parts[i].length);
    crypto_auth_hmacsha256_final(&state, out);
}

/* --- receiving ------------------------------------------------------------------------------------------ */

static Text frame(const Message *m, int i) {
    zmq_msg_t *f = (zmq_msg_t *)&m->frames[i]; /* zmq.h lacks the const */
    return (Text){zmq_msg_data(f), zmq_msg_size(f)};
}

Text message_part(const Message *m, int part) {
    return frame(m, m->delimiter + 2 + part);
}

void message_free(Message *m) {
    for (int i = 0; i < m->count; i++) zmq_msg_close(&m->frames[i]);
    m->count = 0;
}

/* All frames of the next message, those beyond WIRE_FRAMES dropped; how many there were, 0 where none is. */
static int receive_frames(void *socket, Message *m) {
    int frames = 0;
    m->count = 0;
    for (bool more = true; more; frames++) {
        zmq_msg_t f;
        zmq_msg_init(&f);
        int got;
        do got = zmq_msg_recv(&f, socket, ZMQ_DONTWAIT);
        while (got < 0 && errno == EINTR);
        if (got < 0) {
            zmq_msg_close(&f);
            return 0;
        }
        more = zmq_msg_more(&f);
        if (m->count == WIRE_FRAMES) {
            zmq_msg_close(&f);
            continue;
        }
        zmq_msg_init(&m->frames[m->count]);
        zmq_msg_move(&m->frames[m->count++], &f);
        zmq_msg_close(&f);
    }
    return frames;
}

/* Whether the signature was seen before; remembers it. */
static bool is_repeated(Wire *w, const unsigned char signature[SIGNATURE_BYTES]) {
    size_t n = w->seen_count < WIRE_SEEN ? w->seen_count : WIRE_SEEN;
    for (size_t i = 0; i < n; i++)
        if (memcmp(w->seen[i], signature, SIGNATURE_BYTES) == 0) return true;
    memcpy(w->seen[w->seen_count++ % WIRE_SEEN], signature, SIGNATURE_BYTES);
    return false;
}

static const char *check_signature(Wire *w, const Message *m) {
    Text given = frame(m, m->delimiter + 1), parts[PARTS];
    unsigned char theirs[SIGNATURE_BYTES], ours[SIGNATURE_BYTES];
    if (w->key_length == 0) return NULL;
    size_t n;
    if (given.length != HEX_BYTES ||
        sodium_hex2bin(theirs, sizeof theirs, given.data, given.length, NULL, &n, NULL) != 0 ||
        n != sizeof theirs)
        return "the signature is not 64 hexadecimal digits";
    for (int i = 0; i < PARTS; i++) parts[i] = message_part(m, i);
    sign(w, parts, ours);
    if (sodium_memcmp(ours, theirs, sizeof ours) != 0) return "the signature is wrong";
    return is_repeated(w, ours) ? "it came before" : NULL;
}

bool wire_receive(Wire *w, void *socket, Message *m, const char **problem) {
    int frames = receive_frames(socket, m);
    *problem = NULL;
    if (frames == 0) {
        message_free(m);
        return false;
    }
    for (m->delimiter = 0; m->delimiter < m->count; m->delimiter++) {
        Text f = frame(m, m->delimiter);
        if (f.length == DELIMITER_BYTES && memcmp(f.data, delimiter, DELIMITER_BYTES) == 0) break;
    }
    if (frames > m->count)
        *problem = "it has too many frames";
    else if (m->delimiter == m->count)
        *problem = "<IDS|MSG> is missing";
    else if (m->count < m->delimiter + 2 + PARTS)
        *problem = "frames are missing";
    else
        *problem = check_signature(w, m);
    return true;
}

/* Packed: the length of each identity in four bytes, then its bytes. */
bool message_identities(const Message *m, char **out, size_t *length) {
    size_t n = 0;
    for (int i = 0; i < m->delimiter; i++) n += sizeof(uint32_t) + frame(m, i).length;
    char *to = *out = malloc(n + 1);
    if (!to) return false;
    *length = n;
    for (int i = 0; i < m->delimiter; i++) {
        Text f = frame(m, i);
        uint32_t size = (uint32_t)f.length;
        memcpy(to, &size, sizeof size);
        memcpy(to + sizeof size, f.data, f.length);
        to += sizeof size + f.length;
    }
    return true;
}

/* --- sending -------------------------------------------------------------------------------------------- */

static bool send_frame(void *socket, Text f, int flags) {
    int sent;
    do sent = zmq_send(socket, f.data, f.length, flags);
    while (sent < 0 && errno == EINTR);
    return sent >= 0;
}

bool wire_send(const Wire *w, void *socket, Text identities, const Text parts[PARTS]) {
    unsigned char signature[SIGNATURE_BYTES];
    char hex[HEX_BYTES + 1] = "";
    const char *at = identities.data, *end = at + identities.length;
    while ((size_t)(end - at) >= sizeof(uint32_t)) {
        uint32_t size;
        memcpy(&size, at, sizeof size);
        at += sizeof size;
        if (size > (size_t)(end - at) || !send_frame(socket, (Text){at, size}, ZMQ_SNDMORE)) return false;
        at += size;
    }
    if (w->key_length) {
        sign(w, parts, signature);
        sodium_bin2hex(hex, sizeof hex, signature, sizeof signature);
    }
    if (!send_frame(socket, (Text){delimiter, DELIMITER_BYTES}, ZMQ_SNDMORE)) return false;
    if (!send_frame(socket, (Text){hex, strlen(hex)}, ZMQ_SNDMORE)) return false;
    for (int i = 0; i < PARTS; i++)
        if (!send_frame(socket, parts[i], i < PARTS - 1 ? ZMQ_SNDMORE : 0)) return false;
    return true;
}
