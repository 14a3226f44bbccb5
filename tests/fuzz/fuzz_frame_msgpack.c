#include "fuzz_frame.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return fuzz_frame(CODEC_MSGPACK, data, size);
}
