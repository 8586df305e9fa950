import Glibc
public import NetworkTypes

// The kernel's form of an address: `sockaddr_in` and `sockaddr_in6`, read and written in place by their offsets
// (family 0, port 2, IPv4 address 4; IPv6 flow label 4, address 8, scope 24), which are the same on every Linux.
extension SocketAddress {
    /// Room for either family.
    public static let kernelSize = MemoryLayout<sockaddr_in6>.size

    /// Reads a `sockaddr` of `length` octets; nil where it is neither IPv4 nor IPv6, or cut short.
    public init?(kernel raw: UnsafeRawPointer, length: Int) {
        guard length >= MemoryLayout<sockaddr_in>.size else { return nil }
        let port = UInt16(bigEndian: raw.loadUnaligned(fromByteOffset: 2, as: UInt16.self))
        switch Int32(raw.loadUnaligned(as: sa_family_t.self)) {
        case AF_INET:
            let address = UInt32(bigEndian: raw.loadUnaligned(fromByteOffset: 4, as: UInt32.self))
            self.init(IPAddress(v4: address), port)
        case AF_INET6:
            guard length >= MemoryLayout<sockaddr_in6>.size else { return nil }
            let high = UInt64(bigEndian: raw.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
            let low = UInt64(bigEndian: raw.loadUnaligned(fromByteOffset: 16, as: UInt64.self))
            self.init(IPAddress(v6High: high, low: low), port)
        default: return nil
        }
    }

    /// Writes a `sockaddr` into at least ``kernelSize`` octets and returns its length.
    @discardableResult
    public func writeKernel(to raw: UnsafeMutableRawPointer) -> Int {
        raw.storeBytes(of: port.bigEndian, toByteOffset: 2, as: UInt16.self)
        switch ip.family {
        case .v4:
            raw.storeBytes(of: sa_family_t(AF_INET), as: sa_family_t.self)
            raw.storeBytes(of: UInt32(truncatingIfNeeded: ip.low).bigEndian, toByteOffset: 4, as: UInt32.self)
            raw.storeBytes(of: 0, toByteOffset: 8, as: UInt64.self)
            return MemoryLayout<sockaddr_in>.size
        case .v6:
            raw.storeBytes(of: sa_family_t(AF_INET6), as: sa_family_t.self)
            raw.storeBytes(of: 0, toByteOffset: 4, as: UInt32.self)
            raw.storeBytes(of: ip.high.bigEndian, toByteOffset: 8, as: UInt64.self)
            raw.storeBytes(of: ip.low.bigEndian, toByteOffset: 16, as: UInt64.self)
            raw.storeBytes(of: 0, toByteOffset: 24, as: UInt32.self)
            return MemoryLayout<sockaddr_in6>.size
        }
    }

    /// Calls `body` with the address as connect(2), bind(2) and sendto(2) want it.
    ///
    /// Not public: whether `sockaddr` is Glibc's or a C target's depends on which module was loaded first, so that in
    /// one build `public import Glibc` is missing and in the next it is a warning.
    func withKernel<Result, Failure: Error>(
        _ body: (UnsafePointer<sockaddr>, socklen_t) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        var storage = sockaddr_in6()
        return try withUnsafeMutablePointer(to: &storage) { pointer throws(Failure) in
            let length = writeKernel(to: pointer)
            return try pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address throws(Failure) in
                try body(address, socklen_t(length))
            }
        }
    }

    /// The address a socket is bound to.
    public init(localOf descriptor: Int32) throws(SystemError) {
        var storage = sockaddr_in6()
        var length = socklen_t(MemoryLayout<sockaddr_in6>.size)
        let result = withUnsafeMutablePointer(to: &storage) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(descriptor, $0, &length) }
        }
        guard result == 0 else { throw .last("getsockname") }
        guard let address = SocketAddress(kernel: &storage, length: Int(length)) else {
            throw SystemError("getsockname", code: EAFNOSUPPORT)
        }
        self = address
    }
}
