/* Messages on the wire, as the Jupyter messaging protocol lays them out over ZeroMQ: identities, <IDS|MSG>, a
 * signature (HMAC-SHA256 of the four parts that follow), header, parent header, metadata, content, and
 * buffers, which this kernel does not use. What the parts say is for stdlib/jupyter/protocol.lua.
 * Source: https://jupyter-client.readthedocs.io/en/stable/messaging.html#the-wire-protocol */
#ifndef APSIS_JUPYTER_WIRE_H
#define APSIS_JUPYTER_WIRE_H

#include <sodium.h>
#include <stdbool.h>
#include <zmq.h>

enum {
    WIRE_FRAMES = 64,            /* of one message; what has more is no request that this kernel knows */
    WIRE_SEEN = 4096,            /* signatures that are remembered, against messages sent twice */
    WIRE_MOST_BYTES = 256 << 20, /* of a frame that comes in */
    SIGNATURE_BYTES = crypto_auth_hmacsha256_BYTES
};

typedef struct Text {
    const char *data;
    size_t length;
} Text;

typedef struct Wire {
    char *key; /* empty: nothing is signed */
    size_t key_length;
    unsigned char (*seen)[SIGNATURE_BYTES]; /* a ring of WIRE_SEEN */
    size_t seen_count;
} Wire;

/* A message that came in. */
typedef struct Message {
    zmq_msg_t frames[WIRE_FRAMES];
    int count, delimiter; /* frames; which one is <IDS|MSG> */
} Message;

enum { HEADER, PARENT, METADATA, CONTENT, PARTS };

/* Copies the key; false where memory does not suffice. */
bool wire_init(Wire *w, Text key);
void wire_free(Wire *w);

/* Reads one whole message without waiting; false where there is none. *problem is NULL where it is well
 * formed and rightly signed, else what is wrong. The caller calls message_free in both cases. */
bool wire_receive(Wire *w, void *socket, Message *m, const char **problem);
void message_free(Message *m);
/* One of the four parts. */
Text message_part(const Message *m, int part);
/* The identities, packed into bytes that wire_send understands; *out is the caller's to free. */
bool message_identities(const Message *m, char **out, size_t *length);

/* Signs and sends. identities as from message_identities; on IOPUB, one that is the topic: pack_identity. */
bool wire_send(const Wire *w, void *socket, Text identities, const Text parts[PARTS]);

#endif
