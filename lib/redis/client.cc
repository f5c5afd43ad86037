#include "lib/redis/client.h"
