/* rnn_plain.h: plain float32, the measure of "highest": the equations of the general recurrent layer, step by step and term by
 * term, with every sum, product and elementary function rounded to float32. */
#ifndef RNN_PLAIN_H
#define RNN_PLAIN_H

#include "cpu/rnn_reference.h"

extern const rnn_reference rnn_plain; /* saved_size: rnn_reference_saved_size */

#endif
