import CShims
import Glibc
public import NetworkTypes

/// What a connection tells its owner, always from the loop and never from within a call of the owner's.
public protocol TCPConnectionOwner: AnyObject {
    /// The connection that was being opened is open.
    func opened(_ connection: TCPConnection)
    /// Octets came; they are good until this returns.
    func received(_ bytes: UnsafeRawBufferPointer, on connection: TCPConnection)
    /// The peer will send nothing more; it may still read (RFC 793 §3.5).
    func peerFinished(_ connection: TCPConnection)
    /// The kernel has taken some of what waited to be sent.
    func sent(on connection: TCPConnection)
    /// It is closed, by an error or after ``TCPConnection/finish()``; nothing more is told.
    func closed(_ connection: TCPConnection, _ error: SystemError?)
}

/// Where received octets are put until they are looked at: one for all connections of a loop.
public final class ReceiveBuffer {
    let bytes: UnsafeMutableRawBufferPointer

    public init(capacity: Int = 65_536) {
        bytes = .allocate(byteCount: capacity, alignment: 16)
    }

    deinit { bytes.deallocate() }
}

/// One TCP connection, opened or accepted, that never waits: what is sent is queued and leaves at the end of the turn,
/// as one write for all of it.
///
/// Each turn reads once at most, so that a peer that sends without pause gets no more than its share of the loop.
public final class TCPConnection: TurnEndTask {
    public enum State: Sendable {
        case opening, open
        /// ``finish()`` was called: what is queued is sent, then the end; what comes is thrown away until the peer ends.
        case finishing
        case closed
    }

    public let peer: SocketAddress
    public private(set) var state: State
    /// Octets that wait to be sent.
    public var unsent: Int { output.count - outputStart }
    /// Whether what comes is read.
    public private(set) var isReading = false
    private unowned let owner: any TCPConnectionOwner
    private let loop: EventLoop
    private let buffer: ReceiveBuffer
    private var descriptor: Int32
    private var output: [UInt8] = []
    private var outputStart = 0
    private var isScheduled = false
    private var isFinishSent = false
    private var readable: Readiness?
    private var writable: Readiness?

    /// Begins to open a connection from `local` to `peer`; the owner is told what became of it.
    public init(
        to peer: SocketAddress, from local: IPAddress, options: TCPOptions, on loop: EventLoop, buffer: ReceiveBuffer,
        owner: any TCPConnectionOwner
    ) throws(SystemError) {
        let descriptor = try openTCPSocket(peer)
        do throws(SystemError) {
            try options.applyToOpening(descriptor, local)
            try options.applyToConnection(descriptor, local.family)
            let result = peer.withKernel { CShims_connect(descriptor, $0, $1) }
            if result != 0, errno != EINPROGRESS { throw .last("connect to \(peer)") }
        } catch {
            Glibc.close(descriptor)
            throw error
        }
        (self.descriptor, self.peer, self.loop, self.buffer, self.owner) = (descriptor, peer, loop, buffer, owner)
        state = .opening
        makeReadiness()
        try writable?.start()
    }

    /// Takes over an accepted connection, and reads it.
    public init(
        _ accepted: AcceptedConnection, on loop: EventLoop, buffer: ReceiveBuffer, owner: any TCPConnectionOwner
    ) throws(SystemError) {
        (descriptor, peer) = (accepted.release(), accepted.peer)
        (self.loop, self.buffer, self.owner) = (loop, buffer, owner)
        state = .open
        makeReadiness()
        try accepted.options.applyToConnection(descriptor, peer.ip.family)
        try startReading()
    }

    deinit { releaseDescriptor() }

    private func makeReadiness() {
        readable = Readiness(on: loop, descriptor: descriptor, when: .readable) { [unowned self] in read() }
        writable = Readiness(on: loop, descriptor: descriptor, when: .writable) { [unowned self] in becameWritable() }
    }

    /// Whether the network has told of an error that nobody has read yet, such as RST for what was sent last.
    public var isBroken: Bool { descriptor >= 0 && pendingError != 0 }

    private var pendingError: Int32 {
        var code: Int32 = 0
        var size = socklen_t(MemoryLayout<Int32>.size)
        return getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &code, &size) == 0 ? code : errno
    }

    // MARK: What the owner does

    /// Queues octets; while the connection is being opened they wait for it.
    public func send(_ bytes: [UInt8]) {
        guard state == .open || state == .opening else { return }
        if output.isEmpty {
            output = bytes
        } else {
            output.append(contentsOf: bytes)
        }
        if state == .open, !isScheduled, writable?.isActive == false {
            isScheduled = true
            loop.atTurnEnd(self)
        }
    }

    /// Reads nothing for now: the peer is held back when its window is full.
    public func stopReading() {
        isReading = false
        readable?.stop()
    }

    public func startReading() throws(SystemError) {
        guard state == .open else { return }
        isReading = true
        try readable?.start()
    }

    /// Ends the connection in good order: the peer gets everything that is queued, and then the end. It is closed when
    /// the peer has ended too, and closing it before would take from the peer what it has not read (RFC 1122 §4.2.2.13).
    public func finish() {
        guard state == .open else { return close() }
        state = .finishing
        if !isScheduled {
            isScheduled = true
            loop.atTurnEnd(self)
        }
    }

    /// Closes at once; what is queued is lost, and the owner is not told.
    public func close() {
        state = .closed
        releaseDescriptor()
    }

    /// Closes at once; what is queued is lost, except for as much of it and of `last` as the kernel takes without waiting.
    public func close(sending last: [UInt8]) {
        if !last.isEmpty, state == .open {
            let rest = output[outputStart...] + last
            _ = rest.withUnsafeBytes {
                Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_DONTWAIT | MSG_NOSIGNAL))
            }
        }
        close()
    }

    private func releaseDescriptor() {
        isReading = false
        readable?.stop()
        writable?.stop()
        if descriptor >= 0 { Glibc.close(descriptor) }
        descriptor = -1
    }

    // MARK: What the loop does

    private func read() {
        let count = recv(descriptor, buffer.bytes.baseAddress, buffer.bytes.count, Int32(MSG_DONTWAIT))
        if count < 0 {
            if errno == EAGAIN || errno == EINTR { return }
            return fail(.last("receive from \(peer)"))
        }
        if state == .finishing {
            if count == 0 { fail(nil) }
            return
        }
        guard count > 0 else {
            stopReading()
            return owner.peerFinished(self)
        }
        owner.received(UnsafeRawBufferPointer(rebasing: buffer.bytes[..<count]), on: self)
    }

    private func becameWritable() {
        guard state == .opening else { return flush() }
        let code = pendingError
        guard code == 0 else { return fail(SystemError("connect to \(peer)", code: code)) }
        state = .open
        writable?.stop()
        do { try startReading() } catch { return fail(error) }
        owner.opened(self)
        flush()
    }

    public func turnEnded() {
        isScheduled = false
        flush()
    }

    private func flush() {
        guard state == .open || state == .finishing else { return }
        let before = unsent
        while unsent > 0 {
            let count = output[outputStart...].withUnsafeBytes {
                Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_DONTWAIT | MSG_NOSIGNAL))
            }
            if count > 0 {
                advance(count)
                continue
            }
            if count < 0, errno == EINTR { continue }
            guard count < 0, errno == EAGAIN else { return fail(.last("send to \(peer)")) }
            do { try writable?.start() } catch { return fail(error) }
            break
        }
        if unsent == 0 { writable?.stop() }
        if unsent < before, state == .open { owner.sent(on: self) }
        if unsent == 0, state == .finishing, !isFinishSent { endOutput() }
    }

    private func advance(_ count: Int) {
        outputStart += count
        if outputStart == output.count {
            (output, outputStart) = ([], 0)
        } else if outputStart > 65_536, outputStart > output.count / 2 {
            output.removeSubrange(..<outputStart)
            outputStart = 0
        }
    }

    /// Our end is told; the peer's is waited for, as far as the owner has patience.
    private func endOutput() {
        isFinishSent = true
        shutdown(descriptor, Int32(SHUT_WR))
        do { try readable?.start() } catch { fail(error) }
    }

    private func fail(_ error: SystemError?) {
        state = .closed
        releaseDescriptor()
        owner.closed(self, error)
    }
}
