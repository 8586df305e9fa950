import NetworkTypes
import SIP

/// What a captured message itself says about how and from where it came: its topmost Via.
struct CaptureHints {
    let transport: TransportProtocol?
    let source: SocketAddress?

    init(_ bytes: [UInt8]) {
        guard let message = try? MessageParser.parse(datagram: bytes), message.isRequest else {
            (transport, source) = (nil, nil)
            return
        }
        let via = message.topVia
        transport = TransportProtocol.allCases.first { $0.viaName == bytes.text(via.transport).uppercased() }
        let received = via.parameters.first("received", in: bytes)?.value.flatMap { IPAddress(bytes.text($0)) }
        let rport = via.parameters.first("rport", in: bytes)?.value.flatMap { UInt16(bytes.text($0)) }
        source = (received ?? via.address(in: bytes)).map { SocketAddress($0, rport ?? via.port ?? 5060) }
    }
}
