/* moongate_streams.h: the C API of streams: layers that run one step of time at a call. In core.so, beside moongate.h, whose
 * conventions it keeps. */
#ifndef MOONGATE_STREAMS_H
#define MOONGATE_STREAMS_H

#include "moongate.h"

/* cdef begin */
/* ---- Streams: a stack of layers, one step of time at a call --------------------------------------------------------------- */

/* A stepper is a stack of layers with its packed weights, a stream the states of `batch` rows that go through it. Any number of
 * streams, in any threads, share a stepper and keep it alive. float32; the layers' tensors are kept, not copied: a step after
 * their memory was written packs them again. Writing weights while a stream steps is the caller's race. */
typedef struct mg_stepper mg_stepper; typedef struct mg_stream mg_stream;
MG_API mg_status mg_stepper_create(mg_stepper **out);
MG_API void mg_stepper_destroy(mg_stepper *stepper /*[opt]*/); /* before or after its streams */
/* Each adds a layer on top; it takes as many values as the one below gives. With streams on it a stepper cannot grow.
 * Of the arguments of a recurrent layer weights, activations and MG_GRU_RESET_AFTER count; it gives h. */
MG_API mg_status mg_stepper_add_gru(mg_stepper *stepper, const mg_rnn_args *layer);
MG_API mg_status mg_stepper_add_lstm(mg_stepper *stepper, const mg_rnn_args *layer);
MG_API mg_status mg_stepper_add_simple_rnn(mg_stepper *stepper, const mg_rnn_args *layer);
MG_API mg_status mg_stepper_add_dense(mg_stepper *stepper, const mg_tensor *kernel /*(F,U)*/, const mg_tensor *bias /*(U) [opt]*/,
                                      const mg_activation *activation /*[opt: linear]*/);
/* The first layer only: its input is an id, a whole number as a float; one out of range is MG_EINVAL and nothing is stepped. */
MG_API mg_status mg_stepper_add_embedding(mg_stepper *stepper, const mg_tensor *table /*(C,U)*/);
MG_API mg_status mg_stepper_add_affine(mg_stepper *stepper, const mg_tensor *scale /*(F) [opt: 1]*/,
                                       const mg_tensor *offset /*(F) [opt: 0]; one of them is given*/); /* x * scale + offset */
/* gamma (x - mean) / sqrt(variance + epsilon) + beta: BatchNormalization in inference */
MG_API mg_status mg_stepper_add_batch_normalization(mg_stepper *stepper, const mg_tensor *mean /*(F)*/,
                                                    const mg_tensor *variance /*(F)*/, const mg_tensor *gamma /*(F) [opt: 1]*/,
                                                    const mg_tensor *beta /*(F) [opt: 0]*/, double epsilon);
/* Likewise with mean and variance of the F values of the step. */
MG_API mg_status mg_stepper_add_layer_normalization(mg_stepper *stepper, int64_t features, const mg_tensor *gamma /*(F) [opt: 1]*/,
                                                    const mg_tensor *beta /*(F) [opt: 0]*/, double epsilon);
MG_API mg_status mg_stepper_add_activation(mg_stepper *stepper, int64_t features, const mg_activation *activation);
MG_API mg_status mg_stepper_add_softmax(mg_stepper *stepper, int64_t features);
/* Of a row: what a step takes and gives, and the values of all states. */
MG_API mg_status mg_stepper_sizes(int64_t *inputs, int64_t *outputs, int64_t *states, const mg_stepper *stepper);

MG_API mg_status mg_stream_create(mg_stream **out, mg_stepper *stepper, int64_t batch); /* states 0; all memory is taken here */
MG_API void mg_stream_destroy(mg_stream *stream /*[opt]*/);
MG_API mg_status mg_stream_reset(mg_stream *stream); /* states 0 */
/* x and y are plain memory, apart from each other. No allocation; no lock unless weights have changed. */
MG_API mg_status mg_stream_step(mg_stream *stream, float *y /*(batch,outputs)*/, const float *x /*(batch,inputs)*/);
/* The same of contiguous tensors; each may be (batch,1,...), and of one row or one value without that axis. */
MG_API mg_status mg_stream_step_tensor(mg_stream *stream, mg_tensor *y, const mg_tensor *x);
MG_API mg_status mg_stream_run(mg_stream *stream, float *y /*(T,batch,outputs)*/, const float *x /*(T,batch,inputs)*/, int64_t T);
/* Layers count from 0; which: 0 is h, 1 an LSTM's c. */
MG_API mg_status mg_stream_read_state(mg_tensor *state /*(batch,U)*/, const mg_stream *stream, int64_t layer, int32_t which);
MG_API mg_status mg_stream_write_state(mg_stream *stream, const mg_tensor *state /*(batch,U)*/, int64_t layer, int32_t which);
/* Rows from, from + 1, ... of the states of x, a stream of the same stepper, become rows to, to + 1, ... of out's; out may be x. */
MG_API mg_status mg_stream_copy_rows(mg_stream *out, int64_t to, const mg_stream *x, int64_t from, int64_t rows);
/* cdef end */

#endif
