/* cpu.h: what the CPU backend's table points to, by family, and what its files share. Private to core/cpu.
 *
 * A slot's function is named mg_cpu_SLOT and does what the slot's comment in backend.h says. */
#ifndef MG_CPU_H
#define MG_CPU_H

#include "../backend.h"

/* memory: memory.c */
mg_status mg_cpu_memory_alloc(void **data, int64_t bytes); /* huge pages for blocks of 2 MiB and more */
void mg_cpu_memory_free(void *data, int64_t bytes);
mg_status mg_cpu_memory_read(void *host, const void *data, int64_t bytes);
mg_status mg_cpu_memory_write(void *data, const void *host, int64_t bytes);
mg_status mg_cpu_describe(mg_device_info *info);
mg_status mg_cpu_synchronize(void);

/* copy */
mg_status mg_cpu_copy(mg_tensor *out, const mg_tensor *x);
mg_status mg_cpu_fill(mg_tensor *out, double value);

/* unary */
mg_status mg_cpu_unary(int32_t op, mg_tensor *out, const mg_tensor *x, double a, double b);

/* binary */
mg_status mg_cpu_binary(int32_t op, mg_tensor *out, const mg_tensor *a, const mg_tensor *b);
mg_status mg_cpu_compare(int32_t op, mg_tensor *out, const mg_tensor *a, const mg_tensor *b);
mg_status mg_cpu_where(mg_tensor *out, const mg_tensor *condition, const mg_tensor *a, const mg_tensor *b);

/* activation */
mg_status mg_cpu_activation_forward(mg_tensor *out, const mg_tensor *x, const mg_activation *activation);
mg_status mg_cpu_activation_backward(mg_tensor *dx, const mg_tensor *dy, const mg_tensor *x, const mg_tensor *y,
                                     const mg_activation *activation);

/* reduce */
mg_status mg_cpu_reduce(int32_t op, mg_tensor *out, const mg_tensor *x, uint32_t axes);
mg_status mg_cpu_arg_reduce(int32_t op, mg_tensor *out, const mg_tensor *x);
mg_status mg_cpu_cumulative_sum(mg_tensor *out, const mg_tensor *x, int32_t reverse);
mg_status mg_cpu_top_k(mg_tensor *values, mg_tensor *indices, const mg_tensor *x);

/* softmax */
mg_status mg_cpu_softmax_forward(mg_tensor *out, const mg_tensor *x, int32_t log);
mg_status mg_cpu_softmax_backward(mg_tensor *dx, const mg_tensor *dy, const mg_tensor *y, int32_t log);

/* layer_norm */
mg_status mg_cpu_layer_norm_forward(mg_tensor *y, mg_tensor *mean, mg_tensor *inverse, const mg_tensor *x, const mg_tensor *gamma,
                                    const mg_tensor *beta, double epsilon);
mg_status mg_cpu_layer_norm_backward(mg_tensor *dx, mg_tensor *dgamma, mg_tensor *dbeta, const mg_tensor *dy, const mg_tensor *x,
                                     const mg_tensor *mean, const mg_tensor *inverse, const mg_tensor *gamma);

/* matmul, qr */
mg_status mg_cpu_matmul(mg_tensor *out, const mg_tensor *a, const mg_tensor *b, double beta);
mg_status mg_cpu_qr(mg_tensor *q, mg_tensor *r, const mg_tensor *a);

/* index */
mg_status mg_cpu_check_ids(int64_t *first_bad, const mg_tensor *ids, int64_t limit);
mg_status mg_cpu_gather(mg_tensor *out, const mg_tensor *table, const mg_tensor *ids);
mg_status mg_cpu_scatter_add(mg_tensor *table, const mg_tensor *ids, const mg_tensor *rows);
mg_status mg_cpu_one_hot(mg_tensor *out, const mg_tensor *ids);

/* loss */
mg_status mg_cpu_cross_entropy_forward(mg_tensor *loss, mg_tensor *probabilities, const mg_tensor *logits,
                                       const mg_tensor *labels, const mg_tensor *weights);
mg_status mg_cpu_cross_entropy_backward(mg_tensor *dlogits, const mg_tensor *dloss, const mg_tensor *probabilities,
                                        const mg_tensor *labels, const mg_tensor *weights);
mg_status mg_cpu_pointwise_loss_forward(int32_t kind, mg_tensor *loss, const mg_tensor *prediction, const mg_tensor *target,
                                        const mg_tensor *weights, double delta);
mg_status mg_cpu_pointwise_loss_backward(int32_t kind, mg_tensor *dprediction, const mg_tensor *dloss,
                                         const mg_tensor *prediction, const mg_tensor *target, const mg_tensor *weights,
                                         double delta);

/* optimizer */
mg_status mg_cpu_optimizer_update(const mg_optimizer_args *args);

/* random */
mg_status mg_cpu_random_fill(int32_t kind, mg_tensor *out, const mg_random_key *key, double a, double b);
mg_status mg_cpu_random_categorical(mg_tensor *ids, const mg_tensor *logits, const mg_random_key *key);
mg_status mg_cpu_random_permutation(mg_tensor *out, const mg_random_key *key);

/* recurrent layers: fastest first */
enum { MG_CPU_RNN_KERNELS = 2 };
extern const mg_rnn_kernel mg_cpu_rnn_kernels[MG_CPU_RNN_KERNELS];

/* streams */
void mg_cpu_stream_plan(struct mg_stream_layer *layer);

#endif
