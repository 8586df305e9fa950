import FuzzChecks

/// What libFuzzer calls with each input.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ data: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    STUNCheck.run(unsafe Array(UnsafeBufferPointer(start: data, count: count)))
    return 0
}
