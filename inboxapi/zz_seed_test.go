package inboxapi_test
import ("testing";"os";"strconv")
func TestWriteSeeds(t *testing.T){
 w:=func(name,body string){ os.WriteFile("testdata/fuzz/"+name, []byte("go test fuzz v1\n[]byte("+strconv.Quote(body)+")\n"),0o644) }
 w("FuzzDecodeThreadPage/full-rows", string(threadPage(2)))
 w("FuzzDecodeThreadPage/number-ids-and-document-id", `{"threads":[{"id":12345678901234567890,"assigneeId":7,"prospect":{"platformId":1566123362161725440,"documentId":3}}],"nextCursor":{"id":7,"timestamp":1762797796000}}`)
 w("FuzzDecodeMessagePage/broken-row-between", `{"messages":[`+aMessage+`,{"id":"m2","createdAt":"yesterday"},`+aMessage+`],"nextCursor":{"id":"m9","timestamp":"2026-11-10T18:03:16.000Z"},"isSyncing":true}`)
 w("FuzzDecodeEventPage/negative-seq", `{"events":[{"id":"e1","seq":-1,"data":{"message":`+aMessage+`}}],"hasMore":true,"lastSeq":-1}`)
 w("FuzzError/token-across-lines", "{\"error\":{\"code\":\""+testToken[:10]+"\\n"+testToken[10:]+"\",\"message\":\""+testToken+"\\u2028"+testToken+"\"}}")
}
