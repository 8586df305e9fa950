import Glibc
public import NetworkTypes

/// Why a page could not be had from a running process.
public enum AdminClientError: Error, Hashable, Sendable, CustomStringConvertible {
    /// Nothing listens there.
    case notRunning(SocketAddress)
    case failed(SocketAddress, reason: String)
    case refused(status: Int, body: String)

    public var description: String {
        switch self {
        case .notRunning(let address):
            "nothing answers at \(address): sallyport is not running, or admin.listen is another address"
        case .failed(let address, let reason): "asking \(address): \(reason)"
        case .refused(let status, let body): "the running process answered \(status): \(body.shownSafely)"
        }
    }
}

/// Gets one page from the admin address of a running process and waits for it, for the command line.
public struct AdminClient {
    private static let largest = 64 << 20
    private let address: SocketAddress
    private let seconds: Int

    public init(_ address: SocketAddress, timeoutSeconds: Int = 10) {
        self.address = address
        seconds = timeoutSeconds
    }

    /// The body of the page at `target`, such as `/calls?format=json`.
    public func page(_ target: String) throws(AdminClientError) -> [UInt8] {
        let descriptor = socket(address.ip.family == .v4 ? AF_INET : AF_INET6, Int32(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0 else { throw failure() }
        defer { close(descriptor) }
        var timeout = timeval(tv_sec: seconds, tv_usec: 0)
        for option in [SO_RCVTIMEO, SO_SNDTIMEO] {
            setsockopt(descriptor, SOL_SOCKET, option, &timeout, socklen_t(MemoryLayout<timeval>.size))
        }
        guard connect(descriptor) == 0 else { throw errno == ECONNREFUSED ? .notRunning(address) : failure() }
        try send(Array("GET \(target) HTTP/1.0\r\nHost: \(address)\r\n\r\n".utf8), on: descriptor)
        return try body(of: try receive(on: descriptor))
    }

    private func connect(_ descriptor: Int32) -> Int32 {
        let octets = address.ip.octets
        let port = address.port.bigEndian
        if address.ip.family == .v4 {
            var target = sockaddr_in()
            target.sin_family = sa_family_t(AF_INET)
            target.sin_port = port
            withUnsafeMutableBytes(of: &target.sin_addr) { $0.copyBytes(from: octets) }
            return withUnsafeBytes(of: target) { connect(descriptor, to: $0) }
        }
        var target = sockaddr_in6()
        target.sin6_family = sa_family_t(AF_INET6)
        target.sin6_port = port
        withUnsafeMutableBytes(of: &target.sin6_addr) { $0.copyBytes(from: octets) }
        return withUnsafeBytes(of: target) { connect(descriptor, to: $0) }
    }

    private func connect(_ descriptor: Int32, to target: UnsafeRawBufferPointer) -> Int32 {
        Glibc.connect(
            descriptor, target.baseAddress?.assumingMemoryBound(to: sockaddr.self), socklen_t(target.count))
    }

    private func send(_ bytes: [UInt8], on descriptor: Int32) throws(AdminClientError) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes {
                Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { throw failure() }
            rest = rest.dropFirst(count)
        }
    }

    private func receive(on descriptor: Int32) throws(AdminClientError) -> [UInt8] {
        var answer: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65536)
        while true {
            let count = recv(descriptor, &buffer, buffer.count, 0)
            if count == 0 { return answer }
            guard count > 0 else { throw failure() }
            answer += buffer.prefix(count)
            guard answer.count <= Self.largest else { throw .failed(address, reason: "the answer is too large") }
        }
    }

    /// The octets after the empty line, of an answer with status 200.
    private func body(of answer: [UInt8]) throws(AdminClientError) -> [UInt8] {
        let line = String(decoding: answer.prefix { $0 != 13 }.prefix(200), as: UTF8.self)
        let words = line.split(separator: " ")
        guard line.hasPrefix("HTTP/1."), words.count >= 2, let status = Int(words[1]),
            let end = answer.indices.first(where: { answer[$0...].starts(with: [13, 10, 13, 10]) })
        else { throw .failed(address, reason: "that is no sallyport") }
        let body = Array(answer[(end + 4)...])
        guard status == 200 else {
            throw .refused(status: status, body: String(decoding: body.prefix(200), as: UTF8.self))
        }
        return body
    }

    private func failure() -> AdminClientError {
        let isTimeout = errno == EAGAIN || errno == EINPROGRESS
        return .failed(address, reason: isTimeout ? "no answer in \(seconds) s" : String(cString: strerror(errno)))
    }
}
