// How a std::unique_ptr frees what a C library made.
#ifndef MUSUBI_LIB_BASE_C_DELETER_H_
#define MUSUBI_LIB_BASE_C_DELETER_H_

namespace musubi::base {

// CDeleter calls kFree, as in std::unique_ptr<BIO, CDeleter<BIO_free>>.
template <auto kFree>
struct CDeleter {
  template <typename T>
  void operator()(T* object) const {
    kFree(object);
  }
};

}  // namespace musubi::base

#endif  // MUSUBI_LIB_BASE_C_DELETER_H_
