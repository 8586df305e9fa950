import DTLS
import Glibc
import NetworkTypes

/// A client and a server, and what becomes of the datagrams between them.
final class Link {
    let client: DTLSAssociation
    let server: DTLSAssociation
    static let clientAddress = SocketAddress(IPAddress(v4: 0xc000_0201), 4000)
    static let serverAddress = SocketAddress(IPAddress(v4: 0xc000_0202), 5000)
    /// What arrives for each datagram that is sent, told by its number.
    var fate: (_ number: Int, _ datagram: [UInt8]) -> [[UInt8]] = { [$1] }
    private(set) var sent: [[UInt8]] = []

    /// OpenSSL's timers run by the real clock, so these are short.
    static let timeout: Duration = .milliseconds(20)

    init(_ clientIdentity: DTLSIdentity, _ serverIdentity: DTLSIdentity) throws {
        client = try DTLSAssociation(
            client: clientIdentity, expecting: [serverIdentity.fingerprint], firstTimeout: Self.timeout)
        server = try DTLSAssociation(
            server: serverIdentity, expecting: [clientIdentity.fingerprint], secret: .random(),
            firstTimeout: Self.timeout)
    }

    static var now: Instant {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Instant(nanoseconds: Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec))
    }

    /// Lets both go on until nobody has anything to say; whether any datagram was sent.
    @discardableResult
    func exchange() -> Bool {
        var isBusy = false
        while true {
            let (ours, theirs) = (client.takeOutput(), server.takeOutput())
            if ours.isEmpty, theirs.isEmpty { return isBusy }
            isBusy = true
            for datagram in ours { carry(datagram, to: server, from: Self.clientAddress) }
            for datagram in theirs { carry(datagram, to: client, from: Self.serverAddress) }
        }
    }

    private func carry(_ datagram: [UInt8], to receiver: DTLSAssociation, from source: SocketAddress) {
        sent.append(datagram)
        for arrived in fate(sent.count - 1, datagram) { receiver.receive(arrived, from: source, at: Self.now) }
    }

    /// A handshake, with as many retransmissions as it takes. Some seconds are enough but where the machine is busy.
    func shake() {
        client.start(at: Self.now)
        let end = Self.now + .seconds(30)
        while Self.now < end {
            exchange()
            if client.state == .established, server.state == .established { return }
            if client.state == .failed || server.state == .failed { return }
            usleep(2_000)
            client.handleTimeout(at: Self.now)
            server.handleTimeout(at: Self.now)
        }
    }

    var isEstablished: Bool { client.state == .established && server.state == .established }

    /// Whether both have the same keys, each way its own.
    var agrees: Bool {
        guard let ours = client.keys, let theirs = server.keys else { return false }
        return ours.inbound == theirs.outbound && ours.outbound == theirs.inbound && ours.inbound != ours.outbound
    }
}

extension DTLSAssociation {
    func receive(_ datagram: [UInt8], from source: SocketAddress, at now: Instant) {
        receive(datagram.span, from: source, at: now)
    }
}
