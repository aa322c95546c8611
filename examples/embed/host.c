/* A C program that trains a network with Apsis: which points of the plane lie inside a ring?
 *
 *   cc -o host host.c $(pkg-config --cflags --libs apsis) && ./host
 *
 * The data stays in this program's arrays; Lua sees it as tensors. It is C99, and C++ too. */
#include <apsis.h>
#include <stdio.h>
#include <stdlib.h>

enum { POINTS = 512, EPOCHS = 200 };

static const char script[] = "local nn, optim = require 'apsis.nn', require 'apsis.optim'\n"
                             "require 'apsis'.manual_seed(1)\n"
                             "model = nn.Sequential(nn.Linear(2, 32), nn.ReLU(), nn.Linear(32, 2))\n"
                             "local loss_of, optimizer = nn.CrossEntropyLoss()\n"
                             "function setup(method, rate)\n"
                             "  optimizer = optim[method](model:parameters(), {lr = rate})\n"
                             "  print('training with ' .. method)\n"
                             "end\n"
                             "function step(points, classes)\n"
                             "  optimizer:zero_grad()\n"
                             "  local loss = loss_of(model(points), classes)\n"
                             "  loss:backward()\n"
                             "  optimizer:step()\n"
                             "  return loss:item()\n"
                             "end\n"
                             "function classify(points)\n"
                             "  local guard <close> = require 'apsis'.no_grad()\n"
                             "  return model(points):argmax(2)\n"
                             "end\n";

static float points[POINTS][2];
static int64_t classes[POINTS]; /* from 1, as everything that indexes: 1 outside, 2 inside */

static void make_data(void) {
    for (int i = 0; i < POINTS; i++) {
        float x = 2.0f * (float)rand() / (float)RAND_MAX - 1.0f,
              y = 2.0f * (float)rand() / (float)RAND_MAX - 1.0f;
        float square = x * x + y * y;
        points[i][0] = x;
        points[i][1] = y;
        classes[i] = square > 0.2f && square < 0.7f ? 2 : 1;
    }
}

/* Receives what print writes in Lua. */
static int show(const char *text, size_t length, void *payload) {
    fputs((const char *)payload, stdout);
    return fwrite(text, 1, length, stdout) == length ? 0 : -1;
}

/* Ends the program where a call failed. */
static void need(Apsis *a, int status) {
    if (status == APSIS_OK) return;
    fprintf(stderr, "host: %s\n", apsis_traceback(a));
    apsis_close(a);
    exit(EXIT_FAILURE);
}

static void train(Apsis *a, ApsisTensor *x, ApsisTensor *y) {
    ApsisValue settings[2], data[2], loss;
    settings[0] = apsis_bytes("Adam", 4);
    settings[1] = apsis_number(0.05);
    need(a, apsis_call(a, "setup", settings, 2, NULL, 0));
    data[0] = apsis_tensor(x);
    data[1] = apsis_tensor(y);
    for (int epoch = 1; epoch <= EPOCHS; epoch++) {
        need(a, apsis_call(a, "step", data, 2, &loss, 1));
        if (epoch % 50 == 0) printf("epoch %d: loss %.4f\n", epoch, loss.as.number);
    }
}

static double accuracy(Apsis *a, ApsisTensor *x) {
    ApsisValue argument = apsis_tensor(x), result;
    int64_t found[POINTS];
    int right = 0;
    need(a, apsis_call(a, "classify", &argument, 1, &result, 1));
    need(a, apsis_tensor_read(a, result.as.tensor, APSIS_I64, found, POINTS));
    apsis_release_values(a, &result, 1);
    for (int i = 0; i < POINTS; i++) right += found[i] == classes[i];
    return 100.0 * right / POINTS;
}

int main(void) {
    char prefix[] = "lua: ";
    int64_t shape[2] = {POINTS, 2};
    ApsisTensor *x, *y;
    ApsisOptions options = APSIS_OPTIONS_INIT;
    options.print = show;
    options.print_payload = prefix;
    Apsis *a = apsis_create(&options);
    if (!a) {
        fputs("host: cannot create an instance\n", stderr);
        return EXIT_FAILURE;
    }
    need(a, apsis_run_string(a, script, "=script"));

    make_data();
    need(a, apsis_tensor_borrow(a, points, APSIS_F32, 2, shape, NULL, NULL, &x));
    need(a, apsis_tensor_borrow(a, classes, APSIS_I64, 1, shape, NULL, NULL, &y));
    train(a, x, y);
    make_data(); /* new points in the same memory: the tensor shows them */
    printf("accuracy on new points: %.1f %%\n", accuracy(a, x));

    /* A mistake is a status and a message, and the instance goes on. */
    ApsisValue wrong = apsis_tensor(y);
    if (apsis_call(a, "classify", &wrong, 1, NULL, 0) != APSIS_OK)
        printf("as expected: %s\n", apsis_error(a));

    apsis_tensor_release(a, x);
    apsis_tensor_release(a, y);
    apsis_close(a);
    return EXIT_SUCCESS;
}
