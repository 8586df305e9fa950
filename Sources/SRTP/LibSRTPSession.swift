import CSRTP
import NetworkTypes

/// One direction of a session by libsrtp2: the reference that the fast path is held against.
///
/// It finds indexes and keeps replay windows by itself, so that both sides' are compared.
final class LibSRTPSession {
    /// libsrtp is set up once for the process.
    private static let isReady = srtp_init() == srtp_err_status_ok

    private let session: srtp_t
    private let hasMKI: UInt32

    init(_ keys: KeyingMaterial, _ direction: SRTPContext.Direction) throws(SRTPError) {
        guard Self.isReady, let session = Self.create(keys, direction) else { throw .failed }
        self.session = session
        hasMKI = keys.mki.isEmpty ? 0 : 1
    }

    deinit { srtp_dealloc(session) }

    private static func create(_ keys: KeyingMaterial, _ direction: SRTPContext.Direction) -> srtp_t? {
        var policy = srtp_policy_t()
        setSuite(keys.suite, &policy)
        policy.ssrc.type = direction == .sending ? ssrc_any_outbound : ssrc_any_inbound
        policy.window_size = UInt(IndexWindow.width)
        var key = keys.key + keys.salt
        var mki = keys.mki
        var session: srtp_t?
        let status = key.withUnsafeMutableBufferPointer { key in
            guard !mki.isEmpty else {
                policy.key = key.baseAddress
                return srtp_create(&session, &policy)
            }
            return mki.withUnsafeMutableBufferPointer { mki in
                var master = srtp_master_key_t(
                    key: key.baseAddress, mki_id: mki.baseAddress, mki_size: UInt32(mki.count))
                return withUnsafeMutablePointer(to: &master) { master in
                    var list: UnsafeMutablePointer<srtp_master_key_t>? = master
                    return withUnsafeMutablePointer(to: &list) { list in
                        policy.keys = list
                        policy.num_master_keys = 1
                        return srtp_create(&session, &policy)
                    }
                }
            }
        }
        return status == srtp_err_status_ok ? session : nil
    }

    private static func setSuite(_ suite: CryptoSuite, _ policy: inout srtp_policy_t) {
        switch suite {
        case .aes128SHA1x80: srtp_crypto_policy_set_rtp_default(&policy.rtp)
        case .aes128SHA1x32: srtp_crypto_policy_set_aes_cm_128_hmac_sha1_32(&policy.rtp)
        case .aes256SHA1x80: srtp_crypto_policy_set_aes_cm_256_hmac_sha1_80(&policy.rtp)
        case .aes256SHA1x32: srtp_crypto_policy_set_aes_cm_256_hmac_sha1_32(&policy.rtp)
        case .aes128GCM: srtp_crypto_policy_set_aes_gcm_128_16_auth(&policy.rtp)
        case .aes256GCM: srtp_crypto_policy_set_aes_gcm_256_16_auth(&policy.rtp)
        }
        policy.rtcp = policy.rtp
        policy.rtcp.auth_tag_len = Int32(suite.controlTagLength)
    }
}

// MARK: Packets

extension LibSRTPSession {
    /// The caller has looked that there is room behind `length`.
    func protect(_ slot: UnsafeMutableRawBufferPointer, _ length: Int) throws(SRTPError) -> Int {
        try run(slot, length) { srtp_protect_mki(session, slot.baseAddress, &$0, hasMKI, 0) }
    }

    func unprotect(_ slot: UnsafeMutableRawBufferPointer, _ length: Int) throws(SRTPError) -> Int {
        try run(slot, length) { srtp_unprotect_mki(session, slot.baseAddress, &$0, hasMKI) }
    }

    func protectControl(_ slot: UnsafeMutableRawBufferPointer, _ length: Int) throws(SRTPError) -> Int {
        try run(slot, length) { srtp_protect_rtcp_mki(session, slot.baseAddress, &$0, hasMKI, 0) }
    }

    func unprotectControl(_ slot: UnsafeMutableRawBufferPointer, _ length: Int) throws(SRTPError) -> Int {
        try run(slot, length) { srtp_unprotect_rtcp_mki(session, slot.baseAddress, &$0, hasMKI) }
    }

    /// libsrtp changes packets that it then refuses, so a copy is kept.
    private func run(
        _ slot: UnsafeMutableRawBufferPointer, _ length: Int, _ operation: (inout Int32) -> srtp_err_status_t
    ) throws(SRTPError) -> Int {
        let copy = [UInt8](slot[..<length])
        var count = Int32(length)
        let status = operation(&count)
        if status == srtp_err_status_ok { return Int(count) }
        slot.copyBytes(from: copy)
        switch status {
        case srtp_err_status_auth_fail, srtp_err_status_bad_mki: throw .authentication
        case srtp_err_status_replay_fail, srtp_err_status_replay_old: throw .replayed
        case srtp_err_status_bad_param, srtp_err_status_parse_err: throw .malformed
        case srtp_err_status_key_expired: throw .exhausted
        default: throw .failed
        }
    }
}
