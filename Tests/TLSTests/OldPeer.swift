import COpenSSL
import TLS

/// Clients that speak no newer version than they are told.
enum OldPeer {
    static let v11 = TLS1_1_VERSION
    static let v12 = TLS1_2_VERSION

    /// The pair with a client hello that offers `highest` at most.
    static func make(client pair: EnginePair, highest: Int32) -> OldPair {
        let context = SSL_CTX_new(TLS_client_method())
        SSL_CTX_ctrl(context, SSL_CTRL_SET_MIN_PROTO_VERSION, 0x0301, nil)
        SSL_CTX_ctrl(context, SSL_CTRL_SET_MAX_PROTO_VERSION, Int(highest), nil)
        SSL_CTX_set_cipher_list(context, "ALL:@SECLEVEL=0")
        return OldPair(context: context, server: pair.server)
    }
}

/// A bare `SSL` of OpenSSL on memory BIOs, and our server.
final class OldPair {
    let server: TLSEngine
    private let handle: OpaquePointer?
    private let fromNetwork = BIO_new(BIO_s_mem())
    private let toNetwork = BIO_new(BIO_s_mem())

    init(context: OpaquePointer?, server: TLSEngine) {
        self.server = server
        handle = SSL_new(context)
        SSL_CTX_free(context)
        SSL_set_bio(handle, fromNetwork, toNetwork)
        SSL_set_connect_state(handle)
    }

    deinit { SSL_free(handle) }

    func run() throws {
        for _ in 0..<8 {
            SSL_do_handshake(handle)
            var octets = [UInt8](repeating: 0, count: 65_536)
            let count = BIO_read(toNetwork, &octets, Int32(octets.count))
            var text: [UInt8] = []
            try EnginePair.carry(Array(octets.prefix(max(0, Int(count)))), to: server, &text, 65_536)
            let answer = server.takeOutput()
            BIO_write(fromNetwork, answer, Int32(answer.count))
        }
        if server.state != .open { throw TLSFailure("no handshake") }
    }

    func failure() -> String {
        do {
            try run()
            return "none"
        } catch { return "\(error)" }
    }
}
