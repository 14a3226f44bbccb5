#include "codec_internal.h"

static const char codec_base64_digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void
codec_base64_write(codec_writer_t *out, const uint8_t *data, size_t length)
{
    if ((size_t)(out->end - out->at) < (length + 2) / 3 * 4) {
        out->full = true;
        return;
    }
    for (size_t i = 0; i < length; i += 3) {
        size_t left = length - i;
        uint32_t bits = (uint32_t)data[i] << 16;
        bits |= left > 1 ? (uint32_t)data[i + 1] << 8 : 0;
        bits |= left > 2 ? data[i + 2] : 0;
        *out->at++ = (uint8_t)codec_base64_digits[bits >> 18];
        *out->at++ = (uint8_t)codec_base64_digits[bits >> 12 & 63];
        *out->at++ = left > 1 ? (uint8_t)codec_base64_digits[bits >> 6 & 63] : '=';
        *out->at++ = left > 2 ? (uint8_t)codec_base64_digits[bits & 63] : '=';
    }
}

static int
codec_base64_value(uint8_t digit)
{
    if (digit >= 'A' && digit <= 'Z') {
        return digit - 'A';
    }
    if (digit >= 'a' && digit <= 'z') {
        return digit - 'a' + 26;
    }
    if (digit >= '0' && digit <= '9') {
        return digit - '0' + 52;
    }
    return digit == '+' ? 62 : digit == '/' ? 63 : -1;
}

codec_error_t
codec_base64_read(const uint8_t *text, size_t length, uint8_t *out, size_t capacity, size_t *decoded)
{
    if (length % 4 != 0) {
        return CODEC_PATTERN;
    }
    size_t padding = length == 0 ? 0 : (size_t)(text[length - 1] == '=') + (text[length - 2] == '=');
    size_t size = length / 4 * 3 - padding;
    uint32_t bits = 0;
    for (size_t i = 0, written = 0; i < length; i++) {
        int value = i >= length - padding ? 0 : codec_base64_value(text[i]);
        if (value < 0) {
            return CODEC_PATTERN;
        }
        bits = bits << 6 | (uint32_t)value;
        if (i % 4 == 3) {
            for (int shift = 16; shift >= 0; shift -= 8, written++) {
                uint8_t byte = (uint8_t)(bits >> shift);
                if (written < size && written < capacity) {
                    out[written] = byte;
                } else if (written >= size && byte != 0) {
                    return CODEC_PATTERN; /* bits that the padding says are not there */
                }
            }
        }
    }
    *decoded = size;
    return size > capacity ? CODEC_LENGTH : CODEC_OK;
}
