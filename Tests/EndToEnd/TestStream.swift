import CShims
import Glibc
import NetworkTypes
import Reactor
import TLS

/// A plain blocking TCP connection of a test's, which can do everything wrong that a peer can.
final class TestStream {
    let descriptor: Int32
    let peer: SocketAddress
    /// What has come and was not taken yet.
    private(set) var pending: [UInt8] = []
    private(set) var isEnded = false
    /// What secures it, if anything does; and why that went wrong.
    private(set) var tls: TLSEngine?
    private(set) var failure: TLSFailure?

    struct Failure: Error { let what: String }

    init(adopting descriptor: Int32, peer: SocketAddress) {
        (self.descriptor, self.peer) = (descriptor, peer)
        var one: Int32 = 1
        setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &one, 4)
    }

    /// Connects from an address (with a port of the kernel's choice where it says 0), with buffers of a size where one is
    /// wanted.
    convenience init(
        to peer: SocketAddress, from local: SocketAddress? = nil, buffers: Int32? = nil
    ) throws(Failure) {
        let descriptor = try Self.open(peer.ip.family)
        if var buffers {
            setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &buffers, 4)
            setsockopt(descriptor, SOL_SOCKET, SO_SNDBUF, &buffers, 4)
        }
        // So that ports of connections that have ended are taken again, however many they were.
        var isChosenLate: Int32 = 1
        setsockopt(descriptor, Int32(IPPROTO_IP), IP_BIND_ADDRESS_NO_PORT, &isChosenLate, 4)
        if let local, Self.call(local, { CShims_bind(descriptor, $0, $1) }) != 0 {
            close(descriptor)
            throw Failure(what: "bind \(local): \(errno)")
        }
        guard Self.call(peer, { CShims_connect(descriptor, $0, $1) }) == 0 else {
            close(descriptor)
            throw Failure(what: "connect to \(peer): \(errno)")
        }
        self.init(adopting: descriptor, peer: peer)
    }

    deinit { close(descriptor) }

    static func open(_ family: IPAddress.Family) throws(Failure) -> Int32 {
        let descriptor = socket(family == .v4 ? AF_INET : AF_INET6, Int32(SOCK_STREAM.rawValue), 0)
        if descriptor < 0 { throw Failure(what: "socket: \(errno)") }
        return descriptor
    }

    static func call(_ address: SocketAddress, _ body: (UnsafeRawPointer, UInt32) -> Int32) -> Int32 {
        withUnsafeTemporaryAllocation(byteCount: SocketAddress.kernelSize, alignment: 8) { buffer in
            guard let start = buffer.baseAddress else { return -1 }
            return body(start, UInt32(address.writeKernel(to: start)))
        }
    }

    static func isReady(_ descriptor: Int32, _ events: Int32, within milliseconds: Int32) -> Bool {
        var request = pollfd(fd: descriptor, events: Int16(events), revents: 0)
        return poll(&request, 1, milliseconds) == 1
    }

    /// Speaks TLS from now on; as a client until that is settled one way or the other.
    func secure(_ engine: TLSEngine, within milliseconds: Int32 = 5_000) {
        tls = engine
        guard engine.context.role == .client else { return }
        try? engine.start()
        sendPlain(engine.takeOutput())
        while engine.state == .handshaking, read(within: milliseconds) {}
    }

    /// Sends all of it; false when the peer has gone.
    @discardableResult
    func send(_ bytes: some Collection<UInt8>) -> Bool {
        guard let tls else { return sendPlain(bytes) }
        while tls.state == .handshaking, read(within: 5_000) {}
        try? tls.send(Array(bytes))
        let octets = tls.takeOutput()
        return !octets.isEmpty && sendPlain(octets)
    }

    /// Sends the octets as they are.
    @discardableResult
    func sendPlain(_ bytes: some Collection<UInt8>) -> Bool {
        var rest = Array(bytes)[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes {
                Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { return false }
            rest = rest.dropFirst(count)
        }
        return true
    }

    /// Sends what the kernel takes at once; how much that was.
    func sendSome(_ bytes: [UInt8]) -> Int {
        max(0, Glibc.send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL | MSG_DONTWAIT)))
    }

    func shutdownSending() { shutdown(descriptor, Int32(SHUT_WR)) }

    /// Ends the connection with RST instead of FIN, when it is let go of.
    func resetOnClose() {
        var linger = linger(l_onoff: 1, l_linger: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &linger, socklen_t(MemoryLayout<Glibc.linger>.size))
    }

    /// Reads once, if something comes in time.
    @discardableResult
    func read(within milliseconds: Int32) -> Bool {
        guard !isEnded, Self.isReady(descriptor, POLLIN, within: milliseconds) else { return false }
        var buffer = [UInt8](repeating: 0, count: 65_536)
        let count = recv(descriptor, &buffer, buffer.count, 0)
        if count > 0 { take(buffer[..<count]) } else { isEnded = true }
        return true
    }

    private func take(_ octets: ArraySlice<UInt8>) {
        guard let tls else { return pending += octets }
        failure = octets.withUnsafeBytes { octets -> TLSFailure? in
            do throws(TLSFailure) { try tls.receive(octets, into: &pending) } catch { return error }
            return nil
        }
        let answer = tls.takeOutput()
        if !answer.isEmpty { sendPlain(answer) }
        if failure != nil || tls.isPeerFinished { isEnded = true }
    }

    /// The next message, cut at its Content-Length; nil if none comes. Line ends before it are passed over.
    func message(within milliseconds: Int32 = 5_000) -> [UInt8]? {
        for _ in 0..<1_000 {
            if let message = takeMessage() { return message }
            guard read(within: milliseconds) else { return nil }
        }
        return nil
    }

    private func takeMessage() -> [UInt8]? {
        while pending.starts(with: [13, 10]) { pending.removeFirst(2) }
        guard let headEnd = pending.firstRange(of: [13, 10, 13, 10])?.upperBound else { return nil }
        let lines = String(decoding: pending[..<headEnd], as: UTF8.self).lowercased().split(separator: "\r\n")
        let field = lines.first { $0.hasPrefix("content-length:") }
        guard let field, let length = Int(field.dropFirst(15).trimmingSpaces), pending.count >= headEnd + length else {
            return nil
        }
        defer { pending.removeFirst(headEnd + length) }
        return Array(pending[..<(headEnd + length)])
    }

    /// Everything that comes until nothing has for that long, or the peer ends.
    func all(within milliseconds: Int32) -> [UInt8] {
        while read(within: milliseconds) {}
        defer { pending = [] }
        return pending
    }

    /// Whether the peer ends the connection in time; what it sends before that is kept.
    func ends(within milliseconds: Int32 = 5_000) -> Bool {
        while !isEnded, read(within: milliseconds) {}
        return isEnded
    }
}

extension Substring {
    fileprivate var trimmingSpaces: Substring {
        var rest = self
        while rest.first == " " { rest.removeFirst() }
        while rest.last == " " { rest.removeLast() }
        return rest
    }
}

/// A listening TCP socket of a test's.
final class TestStreamListener {
    let descriptor: Int32
    let address: SocketAddress

    init(at address: SocketAddress, receiveBuffer: Int32? = nil, backlog: Int32 = 128) throws {
        descriptor = try TestStream.open(address.ip.family)
        var one: Int32 = 1
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &one, 4)
        if var receiveBuffer { setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &receiveBuffer, 4) }
        let own = descriptor
        guard TestStream.call(address, { CShims_bind(own, $0, $1) }) == 0, listen(descriptor, backlog) == 0 else {
            throw TestStream.Failure(what: "listen on \(address): \(errno)")
        }
        self.address = try SocketAddress(localOf: descriptor)
    }

    deinit { close(descriptor) }

    func accept(within milliseconds: Int32 = 5_000) -> TestStream? {
        guard TestStream.isReady(descriptor, POLLIN, within: milliseconds) else { return nil }
        var storage = (0 as UInt64, 0 as UInt64, 0 as UInt64, 0 as UInt64)
        var length = UInt32(SocketAddress.kernelSize)
        let accepted = CShims_accept(descriptor, &storage, &length)
        guard accepted >= 0, let peer = SocketAddress(kernel: &storage, length: Int(length)) else { return nil }
        _ = fcntl(accepted, F_SETFL, 0)
        return TestStream(adopting: accepted, peer: peer)
    }
}
