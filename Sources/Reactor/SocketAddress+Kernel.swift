import CShims
import Glibc
public import NetworkTypes

// The kernel's form of an address: `sockaddr_in` and `sockaddr_in6`, read and written in place by their offsets
// (family 0, port 2, IPv4 address 4; IPv6 flow label 4, address 8, scope 24), which are the same on every Linux.
extension SocketAddress {
    /// Room for either family: the size of `sockaddr_in6`.
    public static let kernelSize = 28
    private static let kernelSizeV4 = 16

    /// Reads a `sockaddr` of `length` octets; nil where it is neither IPv4 nor IPv6, or cut short.
    public init?(kernel raw: UnsafeRawPointer, length: Int) {
        guard length >= Self.kernelSizeV4 else { return nil }
        let port = UInt16(bigEndian: raw.loadUnaligned(fromByteOffset: 2, as: UInt16.self))
        switch Int32(raw.loadUnaligned(as: UInt16.self)) {
        case AF_INET:
            let address = UInt32(bigEndian: raw.loadUnaligned(fromByteOffset: 4, as: UInt32.self))
            self.init(IPAddress(v4: address), port)
        case AF_INET6:
            guard length >= Self.kernelSize else { return nil }
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
            raw.storeBytes(of: UInt16(AF_INET), as: UInt16.self)
            raw.storeBytes(of: UInt32(truncatingIfNeeded: ip.low).bigEndian, toByteOffset: 4, as: UInt32.self)
            raw.storeBytes(of: 0, toByteOffset: 8, as: UInt64.self)
            return Self.kernelSizeV4
        case .v6:
            raw.storeBytes(of: UInt16(AF_INET6), as: UInt16.self)
            raw.storeBytes(of: 0, toByteOffset: 4, as: UInt32.self)
            raw.storeBytes(of: ip.high.bigEndian, toByteOffset: 8, as: UInt64.self)
            raw.storeBytes(of: ip.low.bigEndian, toByteOffset: 16, as: UInt64.self)
            raw.storeBytes(of: 0, toByteOffset: 24, as: UInt32.self)
            return Self.kernelSize
        }
    }

    /// Calls `body` with the address as the system calls want it.
    func withKernel<Result>(_ body: (UnsafeRawPointer, UInt32) -> Result) -> Result {
        withUnsafeTemporaryAllocation(byteCount: Self.kernelSize, alignment: 8) { buffer in
            guard let start = buffer.baseAddress else { preconditionFailure("a buffer of 28 octets has a start") }
            return body(start, UInt32(writeKernel(to: start)))
        }
    }

    /// The address a socket is bound to.
    public init(localOf descriptor: Int32) throws(SystemError) {
        var storage = (0 as UInt64, 0 as UInt64, 0 as UInt64, 0 as UInt64)
        var length = UInt32(Self.kernelSize)
        guard CShims_local_address(descriptor, &storage, &length) == 0 else { throw .last("getsockname") }
        guard let address = SocketAddress(kernel: &storage, length: Int(length)) else {
            throw SystemError("getsockname", code: EAFNOSUPPORT)
        }
        self = address
    }
}
