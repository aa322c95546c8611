/* Tensors between the host and Lua: copies, borrowed memory, reading, handles. */
#include "check.h"
#include <stdlib.h>

static void test_copy(Apsis *a) {
    float data[6] = {1, 2, 3, 4, 5, 6};
    int64_t shape[2] = {2, 3};
    ApsisTensor *t = NULL;
    ApsisTensorInfo info;
    OK(a, apsis_tensor_copy(a, data, APSIS_F32, 2, shape, &t));
    data[0] = 100; /* a copy */
    OK(a, apsis_tensor_info(t, &info));
    CHECK(info.dtype == APSIS_F32 && info.ndim == 2 && info.numel == 6);
    CHECK(info.shape[0] == 2 && info.shape[1] == 3 && info.stride[0] == 3 && info.stride[1] == 1);
    CHECK(((float *)info.data)[0] == 1 && ((float *)info.data)[5] == 6);
    OK(a, apsis_set(a, "x", apsis_tensor(t)));
    OK(a, apsis_run_string(a, "assert(x.dtype == 'f32' and x[2][3]:item() == 6 and x:sum():item() == 21)",
                           NULL));
    ((float *)info.data)[5] = 7; /* and Lua sees what is written there */
    OK(a, apsis_run_string(a, "assert(x[2][3]:item() == 7); x[1][1] = -1", NULL));
    CHECK(((float *)info.data)[0] == -1);
    OK(a, apsis_run_string(a, "x = nil collectgarbage()", NULL)); /* the handle keeps it */
    CHECK(((float *)info.data)[0] == -1);
    apsis_tensor_release(a, t);

    OK(a, apsis_tensor_copy(a, NULL, APSIS_I64, 2, shape, &t)); /* zeros */
    OK(a, apsis_tensor_info(t, &info));
    CHECK(info.dtype == APSIS_I64 && ((int64_t *)info.data)[5] == 0);
    apsis_tensor_release(a, t);
    OK(a, apsis_tensor_copy(a, data, APSIS_F32, 0, NULL, &t)); /* a single number */
    OK(a, apsis_tensor_info(t, &info));
    CHECK(info.ndim == 0 && info.numel == 1 && *(float *)info.data == 100);
    apsis_tensor_release(a, t);
    shape[1] = 0;
    OK(a, apsis_tensor_copy(a, data, APSIS_F32, 2, shape, &t)); /* no elements */
    OK(a, apsis_tensor_info(t, &info));
    CHECK(info.numel == 0 && info.shape[1] == 0);
    apsis_tensor_release(a, t);
    apsis_tensor_release(a, NULL);
    apsis_tensor_release(NULL, NULL);
}

static void test_wrong_shapes(Apsis *a) {
    float data[1] = {0};
    int64_t shape[9] = {1, 1, 1, 1, 1, 1, 1, 1, 1}, negative[1] = {-1}, huge[2] = {INT64_MAX / 2, 16};
    ApsisTensor *t = (ApsisTensor *)data;
    ApsisTensorInfo info;
    OK(a, apsis_tensor_copy(a, data, APSIS_F32, 8, shape, &t));
    apsis_tensor_release(a, t);
    STATUS(a, apsis_tensor_copy(a, data, APSIS_F32, 9, shape, &t), APSIS_ERROR_ARGUMENT);
    CHECK(t == NULL);
    STATUS(a, apsis_tensor_copy(a, data, APSIS_F32, -1, shape, &t), APSIS_ERROR_ARGUMENT);
    STATUS(a, apsis_tensor_copy(a, data, APSIS_F32, 1, NULL, &t), APSIS_ERROR_ARGUMENT);
    STATUS(a, apsis_tensor_copy(a, data, APSIS_F32, 1, negative, &t), APSIS_ERROR_ARGUMENT);
    CONTAINS(apsis_error(a), "cannot be negative");
    STATUS(a, apsis_tensor_copy(a, data, APSIS_F32, 2, huge, &t), APSIS_ERROR_ARGUMENT);
    STATUS(a, apsis_tensor_copy(a, data, (ApsisDtype)10, 1, shape, &t), APSIS_ERROR_ARGUMENT);
    STATUS(a, apsis_tensor_copy(a, data, APSIS_F32, 1, shape, NULL), APSIS_ERROR_ARGUMENT);
    CHECK(apsis_tensor_copy(NULL, data, APSIS_F32, 1, shape, &t) == APSIS_ERROR_ARGUMENT && t == NULL);
    STATUS(a, apsis_tensor_borrow(a, NULL, APSIS_F32, 1, shape, NULL, NULL, &t), APSIS_ERROR_ARGUMENT);
    STATUS(a, apsis_tensor_borrow(a, (char *)data + 1, APSIS_F32, 1, shape, NULL, NULL, &t),
           APSIS_ERROR_ARGUMENT);
    CONTAINS(apsis_error(a), "not aligned");
    STATUS(a, apsis_tensor_borrow(a, data, APSIS_F32, 1, negative, NULL, NULL, &t), APSIS_ERROR_ARGUMENT);
    STATUS(a, apsis_tensor_info(NULL, &info), APSIS_ERROR_ARGUMENT);
    huge[0] = 1 << 20, huge[1] = (int64_t)1 << 35;
    STATUS(a, apsis_tensor_copy(a, NULL, APSIS_F32, 2, huge, &t), APSIS_ERROR_MEMORY);
    CONTAINS(apsis_error(a), "out of memory");
}

static void test_read(Apsis *a) {
    double d[6];
    float f[6];
    int64_t i[6];
    unsigned char b[6];
    ApsisValue v;
    OK(a, apsis_run_string(a, "ap = require 'apsis'; y = ap.tensor{{1.5, 0}, {-2.25, 3}, {4, 1e3}}", NULL));
    OK(a, apsis_get(a, "y", &v));
    CHECK(v.type == APSIS_TENSOR);
    OK(a, apsis_tensor_read(a, v.as.tensor, APSIS_F64, d, 6));
    CHECK(d[0] == 1.5 && d[1] == 0 && d[2] == -2.25 && d[5] == 1000);
    OK(a, apsis_tensor_read(a, v.as.tensor, APSIS_I64, i, 100));
    CHECK(i[0] == 1 && i[2] == -2 && i[5] == 1000);
    OK(a, apsis_tensor_read(a, v.as.tensor, APSIS_BOOL, b, 6));
    CHECK(b[0] == 1 && b[1] == 0 && b[5] == 1);
    f[0] = 77;
    STATUS(a, apsis_tensor_read(a, v.as.tensor, APSIS_F32, f, 5), APSIS_ERROR_ARGUMENT);
    CHECK(f[0] == 77);
    STATUS(a, apsis_tensor_read(a, v.as.tensor, APSIS_F32, NULL, 6), APSIS_ERROR_ARGUMENT);
    STATUS(a, apsis_tensor_read(a, v.as.tensor, (ApsisDtype)-1, f, 6), APSIS_ERROR_ARGUMENT);
    STATUS(a, apsis_tensor_read(a, NULL, APSIS_F32, f, 6), APSIS_ERROR_ARGUMENT);
    CHECK(apsis_tensor_read(NULL, v.as.tensor, APSIS_F32, f, 6) == APSIS_ERROR_ARGUMENT);
    apsis_release_values(a, &v, 1);

    OK(a, apsis_run_string(a, "y = y:t()", NULL)); /* strides that are no C array's */
    OK(a, apsis_get(a, "y", &v));
    ApsisTensorInfo info;
    OK(a, apsis_tensor_info(v.as.tensor, &info));
    CHECK(info.shape[0] == 2 && info.shape[1] == 3 && info.stride[0] == 1 && info.stride[1] == 2);
    OK(a, apsis_tensor_read(a, v.as.tensor, APSIS_F32, f, 6));
    CHECK(f[0] == 1.5f && f[1] == -2.25f && f[2] == 4 && f[3] == 0);
    apsis_release_values(a, &v, 1);

    /* Several references on one tensor are several handles. */
    OK(a, apsis_run_string(a, "function twice(t) return t, t end", NULL));
    ApsisValue arg, results[2];
    OK(a, apsis_get(a, "y", &arg));
    OK(a, apsis_call(a, "twice", &arg, 1, results, 2));
    CHECK(results[0].as.tensor != results[1].as.tensor);
    apsis_release_values(a, results, 2);
    apsis_release_values(a, &arg, 1);
}

/* --- borrowed memory ----------------------------------------------------------------------------------- */

typedef struct Lent {
    int released;
    void *data;
} Lent;

static void on_release(void *data, void *payload) {
    Lent *lent = (Lent *)payload;
    lent->released++;
    lent->data = data;
}

static void test_borrow(Apsis *a) {
    double data[4] = {1, 2, 3, 4};
    int64_t shape[2] = {2, 2};
    Lent lent = {0, NULL};
    ApsisTensor *t;
    OK(a, apsis_tensor_borrow(a, data, APSIS_F64, 2, shape, on_release, &lent, &t));
    OK(a, apsis_set(a, "z", apsis_tensor(t)));
    OK(a, apsis_run_string(a, "z:mul_(10) view = z[2]", NULL));
    CHECK(data[0] == 10 && data[3] == 40);
    data[2] = -1;
    OK(a, apsis_run_string(a, "assert(view[1]:item() == -1)", NULL));
    apsis_tensor_release(a, t);
    OK(a, apsis_run_string(a, "collectgarbage()", NULL));
    CHECK(lent.released == 0); /* Lua holds it */
    OK(a, apsis_run_string(a, "z = nil collectgarbage()", NULL));
    CHECK(lent.released == 0); /* and a view */
    OK(a, apsis_run_string(a, "view = nil collectgarbage()", NULL));
    CHECK(lent.released == 1 && lent.data == data);

    shape[0] = 0; /* an empty vector of C++ has no address */
    lent.released = 0;
    OK(a, apsis_tensor_borrow(a, NULL, APSIS_F64, 2, shape, on_release, &lent, &t));
    OK(a, apsis_set(a, "z", apsis_tensor(t)));
    OK(a, apsis_run_string(a, "assert((z + 1):numel() == 0 and z:sum():item() == 0) z = nil", NULL));
    apsis_tensor_release(a, t);
    OK(a, apsis_run_string(a, "collectgarbage()", NULL));
    CHECK(lent.released == 1 && lent.data == NULL);

    shape[0] = 2;
    OK(a, apsis_tensor_borrow(a, data, APSIS_F64, 2, shape, NULL, NULL, &t)); /* no callback */
    apsis_tensor_release(a, t);
}

/* Whatever is still borrowed is given back by the close, once. */
static void test_borrow_and_close(void) {
    static double data[3] = {1, 2, 3};
    int64_t shape[1] = {3};
    Lent held = {0, NULL}, kept = {0, NULL}, refused = {0, NULL};
    Apsis *a = apsis_create(NULL);
    ApsisTensor *t, *u;
    OK(a, apsis_tensor_borrow(a, data, APSIS_F64, 1, shape, on_release, &held, &t));
    OK(a, apsis_tensor_borrow(a, data, APSIS_F64, 1, shape, on_release, &kept, &u));
    OK(a, apsis_set(a, "kept", apsis_tensor(u)));
    OK(a, apsis_run_string(a, "kept = kept:view(3, 1)", NULL));
    apsis_tensor_release(a, u);
    apsis_set_limit(a, 1);
    STATUS(a, apsis_tensor_borrow(a, data, APSIS_F64, 1, shape, on_release, &refused, &u),
           APSIS_ERROR_MEMORY);
    CHECK(u == NULL);
    apsis_close(a);
    CHECK(held.released == 1 && kept.released == 1 && refused.released == 0);
}

/* --- tensors and host functions ------------------------------------------------------------------------ */

static int halve(Apsis *a, const ApsisValue *args, int nargs, ApsisValue *result, void *payload) {
    ApsisTensorInfo info;
    (void)result, (void)payload;
    if (nargs != 1 || args[0].type != APSIS_TENSOR) return apsis_fail(a, "halve: expected a tensor");
    int status = apsis_tensor_info(args[0].as.tensor, &info);
    if (status != APSIS_OK) return status;
    for (int64_t i = 0; i < info.numel; i++) ((float *)info.data)[i] /= 2;
    return APSIS_OK;
}

static void test_callback_tensors(Apsis *a) {
    OK(a, apsis_function(a, "halve", halve, NULL));
    OK(a, apsis_run_string(a,
                           "local x = ap.tensor{2.0, 4.0}\n"
                           "halve(x)\n"
                           "assert(x[2]:item() == 2)\n"
                           "collectgarbage()\n"
                           "local before = ap.memory().tensors\n"
                           "for i = 1, 100000 do halve(x) end\n"
                           "collectgarbage()\n"
                           "assert(ap.memory().tensors == before)\n"
                           "local ok, message = pcall(halve, 1)\n"
                           "assert(not ok and message:find 'expected a tensor')\n",
                           NULL));
}

/* Training a step at a time from the host: gradients flow through tensors that came from C. */
static void test_training(Apsis *a) {
    enum { N = 64 };
    float x[N], y[N];
    int64_t shape[2] = {N, 1};
    for (int i = 0; i < N; i++) {
        x[i] = (float)i / N - 0.5f;
        y[i] = 3 * x[i] + 1;
    }
    ApsisTensor *tx, *ty;
    OK(a, apsis_tensor_borrow(a, x, APSIS_F32, 2, shape, NULL, NULL, &tx));
    OK(a, apsis_tensor_borrow(a, y, APSIS_F32, 2, shape, NULL, NULL, &ty));
    OK(a, apsis_run_string(a,
                           "local nn, optim = require 'apsis.nn', require 'apsis.optim'\n"
                           "ap.manual_seed(1)\n"
                           "model = nn.Linear(1, 1)\n"
                           "local opt = optim.SGD(model:parameters(), {lr = 0.5})\n"
                           "function step(x, y)\n"
                           "  opt:zero_grad()\n"
                           "  local loss = ((model(x) - y) ^ 2):mean()\n"
                           "  loss:backward()\n"
                           "  opt:step()\n"
                           "  return loss:item()\n"
                           "end\n",
                           NULL));
    ApsisValue args[2], loss, bias;
    args[0] = apsis_tensor(tx);
    args[1] = apsis_tensor(ty);
    for (int i = 0; i < 200; i++)
        if (apsis_call(a, "step", args, 2, &loss, 1) != APSIS_OK) break;
    CHECK(loss.type == APSIS_NUMBER && loss.as.number < 1e-6);
    OK(a, apsis_get(a, "model.bias", &bias));
    float value = 0;
    OK(a, apsis_tensor_read(a, bias.as.tensor, APSIS_F32, &value, 1));
    CHECK(value > 0.99f && value < 1.01f);
    apsis_release_values(a, &bias, 1);
    apsis_tensor_release(a, tx);
    apsis_tensor_release(a, ty);
}

int main(void) {
    Apsis *a = apsis_create(NULL);
    CHECK(a != NULL);
    if (!a) return finish("tensors");
    OK(a, apsis_run_string(a, "ap = require 'apsis'", NULL));
    test_copy(a);
    test_wrong_shapes(a);
    test_read(a);
    test_borrow(a);
    test_borrow_and_close();
    test_callback_tensors(a);
    test_training(a);
    apsis_close(a);
    return finish("tensors");
}
