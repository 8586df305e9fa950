// OpenSSL 3.
// SHA-1 is used with its state copied, as HMAC for every packet needs it: EVP_MD_CTX_copy_ex allocates.
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/err.h>
#include <openssl/sha.h>
#include <openssl/ssl.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
